#include "common/trace/job_trace.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/trace/job_names.h"
#include "common/trace/trace_context.h"

namespace moa {
namespace {

// A peer may send any number; no job takes a year.
constexpr uint64_t kLongestUs = uint64_t{365} * 24 * 3600 * 1'000'000;

absl::Duration Micros(uint64_t us) {
  return absl::Microseconds(static_cast<int64_t>(std::min(us, kLongestUs)));
}

absl::Duration Between(const google::protobuf::Timestamp& from,
                       const google::protobuf::Timestamp& to) {
  const auto time = [](const google::protobuf::Timestamp& proto) {
    return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
  };
  // Whole microseconds, as all the others are: sums add up however they are written.
  return absl::Trunc(std::clamp(time(to) - time(from), absl::ZeroDuration(), Micros(kLongestUs)),
                     absl::Microseconds(1));
}

absl::Duration LengthOf(const CallTrace& call) { return call.end - call.begin; }

std::string ErrorText(const v1::Error& error) {
  return absl::StrCat(ErrorName(error.code()), ": ", error.message());
}

// What GetJob says of each task, by index.
std::map<uint32_t, const v1::TaskResult*> ResultsOf(const v1::Job& job) {
  std::map<uint32_t, const v1::TaskResult*> results;
  for (const v1::LayerResult& layer : job.layers()) {
    for (const v1::TaskResult& task : layer.tasks()) results[task.task().index()] = &task;
  }
  return results;
}

class Builder {
 public:
  Builder(const v1::Job& job, const std::vector<v1::JobEvent>& events)
      : job_(job), known_(ResultsOf(job)) {
    trace_.job_id = job.job_id();
    trace_.trace_id = DeriveTraceId(trace_.job_id);
    trace_.name = job.spec().name();
    trace_.state = job.state();
    trace_.degraded = job.degraded();
    trace_.accept_time = events.empty() ? job.create_time() : events.front().time();
    trace_.latency = Micros(job.latency_us());
    if (events.empty()) return;
    const v1::JobEvent& last = events.back();
    if (last.has_ended()) {
      trace_.state = last.ended().state();
      trace_.latency = Micros(last.ended().latency_us());
    } else {
      trace_.latency = std::max(trace_.latency, Between(trace_.accept_time, last.time()));
    }
    has_ended_ = last.has_ended();
  }

  void Apply(const v1::JobEvent& event) {
    // A clock that was set back does not turn time back.
    at_ = std::clamp(Between(trace_.accept_time, event.time()), at_, trace_.latency);
    if (event.has_accepted()) Join(event.accepted().trace());
    if (event.has_layer_started()) Start(event.layer_started());
    if (event.has_task_finished()) Finish(event.task_finished());
  }

  JobTrace Take() {
    for (StageTrace& stage : trace_.stages) Complete(stage);
    const TraceSums& sums = trace_.sums;
    trace_.sums.added =
        trace_.latency - sums.queueing - sums.calls - sums.stragglers - sums.unfinished;
    return std::move(trace_);
  }

 private:
  void Join(const v1::TraceHeaders& client) {
    const auto context = ParseTraceContext(client.traceparent(), client.tracestate());
    if (context) trace_.trace_id = context->trace_id;
  }

  void Start(const v1::LayerStarted& started) {
    if (!trace_.stages.empty()) trace_.stages.back().end = at_;
    StageTrace& stage = trace_.stages.emplace_back();
    stage.layer = started.layer();
    stage.round = started.round();
    stage.kind = KindOf(started);
    stage.begin = at_;
    stage.end = trace_.latency;
    for (const v1::TaskId& id : started.tasks()) Add(id, stage);
  }

  // Earlier versions did not say: there the aggregator's layer is the one after the last.
  v1::StageKind KindOf(const v1::LayerStarted& started) const {
    if (started.kind() != v1::STAGE_KIND_UNSPECIFIED) return started.kind();
    const auto layers = static_cast<uint32_t>(job_.spec().moa().layers_size());
    return job_.spec().has_moa() && started.layer() > layers ? v1::STAGE_KIND_AGGREGATE
                                                             : v1::STAGE_KIND_PROPOSE;
  }

  TaskTrace& Add(const v1::TaskId& id, StageTrace& stage) {
    ids_[id.index()] = id;
    TaskTrace& task = stage.tasks.emplace_back();
    task.id = id;
    task.begin = stage.begin;
    const auto known = known_.find(id.index());
    if (known == known_.end()) return task;
    task.state = known->second->state();
    task.model = known->second->model();
    task.worker = known->second->worker();
    task.attempts = known->second->attempts();
    task.hedged = known->second->hedged();
    return task;
  }

  static FailedCallTrace FailedCallOf(const v1::FailedAttempt& attempt, const TaskTrace& task) {
    const absl::Duration begin = std::min(task.begin + Micros(attempt.began_us()), task.end);
    return {.begin = begin,
            .end = std::min(begin + Micros(attempt.run_us()), task.end),
            .model = attempt.model(),
            .worker = attempt.worker(),
            .error = ErrorText(attempt.error())};
  }

  void Finish(const v1::TaskResult& result) {
    if (trace_.stages.empty()) return;
    StageTrace& stage = trace_.stages.back();
    const auto it = std::find_if(
        stage.tasks.begin(), stage.tasks.end(),
        [&](const TaskTrace& task) { return task.id.index() == result.task().index(); });
    TaskTrace& task = it == stage.tasks.end() ? Add(result.task(), stage) : *it;
    task.state = result.state();
    task.model = result.model();
    task.worker = result.worker();
    task.attempts = result.attempts();
    task.hedged = result.hedged();
    task.prompt_tokens = result.completion().usage().prompt_tokens();
    task.completion_tokens = result.completion().usage().completion_tokens();
    if (result.has_error()) {
      task.error = ErrorText(result.error());
    }
    task.is_open = false;
    task.end = at_;
    for (const v1::FailedAttempt& attempt : result.failed_attempts()) {
      task.failed.push_back(FailedCallOf(attempt, task));
    }
    // Without a time it was not running when it ended.
    if (result.attempts() == 0 || result.run_us() == 0) return;
    const absl::Duration begin = std::min(task.begin + Micros(result.queue_us()), task.end);
    const absl::Duration end = std::min(begin + Micros(result.run_us()), task.end);
    task.call = {begin, std::nullopt, end};
    if (result.ttft_us() > 0) {
      task.call->first_token = std::min(begin + Micros(result.ttft_us()), end);
    }
  }

  // Once all is known.
  void Complete(StageTrace& stage) {
    bool is_open = false;
    absl::Duration last_end = stage.begin;
    for (TaskTrace& task : stage.tasks) {
      task.name = TaskName(task.id, ids_);
      last_end = std::max(last_end, task.call ? task.call->end : task.end);
      if (!task.is_open) continue;
      is_open = true;
      task.end = stage.end;
      if (has_ended_) task.state = v1::TASK_STATE_CANCELLED;
    }
    if (is_open) {
      trace_.sums.unfinished += stage.end - stage.begin;
    } else if (TaskTrace* longest = LongestCall(stage)) {
      longest->is_critical = true;
      trace_.sums.queueing += longest->call->begin - longest->begin;
      trace_.sums.calls += LengthOf(*longest->call);
      trace_.sums.first_token +=
          longest->call->first_token.value_or(longest->call->begin) - longest->call->begin;
      trace_.sums.stragglers += last_end - longest->call->end;
    } else {
      trace_.sums.queueing += last_end - stage.begin;
    }
  }

  // As the coordinator's critical path, the longest that was accepted; where none was, of all.
  static TaskTrace* LongestCall(StageTrace& stage) {
    const auto rank = [](const TaskTrace& task) {
      return std::pair(task.state == v1::TASK_STATE_SUCCEEDED, LengthOf(*task.call));
    };
    TaskTrace* longest = nullptr;
    for (TaskTrace& task : stage.tasks) {
      if (!task.call) continue;
      if (longest == nullptr || rank(task) > rank(*longest)) longest = &task;
    }
    return longest;
  }

  const v1::Job& job_;
  const std::map<uint32_t, const v1::TaskResult*> known_;
  TaskIds ids_;
  bool has_ended_ = false;
  absl::Duration at_;  // the time of the event applied last
  JobTrace trace_;
};

}  // namespace

std::string StageTitle(const StageTrace& stage) {
  if (stage.kind == v1::STAGE_KIND_AGGREGATE) return "aggregator";
  const absl::string_view who = stage.kind == v1::STAGE_KIND_CRITIQUE ? " critics"
                                : stage.kind == v1::STAGE_KIND_ROUTE  ? " router"
                                                                      : "";
  return absl::StrCat("layer ", stage.layer, " round ", stage.round, who);
}

JobTrace MakeTrace(const v1::Job& job, const std::vector<v1::JobEvent>& events) {
  Builder builder(job, events);
  for (const v1::JobEvent& event : events) builder.Apply(event);
  return builder.Take();
}

}  // namespace moa
