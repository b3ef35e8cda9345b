#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "coordinator/convert/convert.h"

namespace moa {
namespace {

absl::Duration FromMicros(uint64_t us) { return absl::Microseconds(static_cast<int64_t>(us)); }

std::vector<FailedCall> FailedAttemptsFromProto(v1::TaskResult* proto) {
  std::vector<FailedCall> attempts;
  for (v1::FailedAttempt& attempt : *proto->mutable_failed_attempts()) {
    attempts.push_back({.model = std::move(*attempt.mutable_model()),
                        .worker = std::move(*attempt.mutable_worker()),
                        .began = FromMicros(attempt.began_us()),
                        .run = FromMicros(attempt.run_us()),
                        .error = ErrorFromProto(attempt.error())});
  }
  return attempts;
}

TaskResult ResultFromProto(v1::TaskResult* proto) {
  std::optional<double> cost;
  if (proto->has_cost_usd()) cost = proto->cost_usd();
  return {.task = proto->task().index(),
          .model = std::move(*proto->mutable_model()),
          .state = TaskStateFromProto(proto->state()),
          .completion = CompletionFromProto(proto->mutable_completion()),
          .error = ErrorFromProto(proto->error()),
          .attempts = proto->attempts(),
          .queue = FromMicros(proto->queue_us()),
          .run = FromMicros(proto->run_us()),
          .ttft = FromMicros(proto->ttft_us()),
          .worker = std::move(*proto->mutable_worker()),
          .wasted = UsageFromProto(proto->wasted()),
          .hedged = proto->hedged(),
          .cost_usd = cost,
          .failed_attempts = FailedAttemptsFromProto(proto)};
}

JobUsage JobUsageFromProto(const v1::JobUsage& proto) {
  return {.tokens = UsageFromProto(proto.tokens()),
          .upstream_calls = proto.upstream_calls(),
          .cost_usd = proto.cost_usd()};
}

// A stage's place in the plan as it is stored, or from the layer and round by which earlier versions stored it.
template <typename Proto>
absl::StatusOr<uint32_t> FindStage(const Plan& plan, const Proto& proto) {
  if (proto.has_stage() && proto.stage() < plan.stages.size()) return proto.stage();
  const uint32_t layer = proto.layer();
  const uint32_t round = proto.round();
  for (uint32_t i = 0; i < plan.stages.size(); ++i) {
    if (plan.stages[i].layer == layer && plan.stages[i].round == round) return i;
  }
  return absl::DataLossError(
      absl::StrCat("the job has no layer ", layer, " round ", round, " that its history names"));
}

}  // namespace

TraceHeaders TraceFromProto(const v1::TraceHeaders& proto) {
  return {.traceparent = proto.traceparent(), .tracestate = proto.tracestate()};
}

void TraceToProto(const TraceHeaders& trace, v1::TraceHeaders* proto) {
  proto->set_traceparent(trace.traceparent);
  if (!trace.tracestate.empty()) proto->set_tracestate(trace.tracestate);
}

void RecordToProto(const Plan& plan, const Record& record, v1::JobEvent* proto) {
  proto->set_sequence(record.sequence);
  *proto->mutable_time() = TimeToProto(record.time);
  if (const auto* accepted = std::get_if<JobAccepted>(&record.what)) {
    proto->mutable_accepted()->set_seed(accepted->seed);
    if (!accepted->trace.traceparent.empty()) {
      TraceToProto(accepted->trace, proto->mutable_accepted()->mutable_trace());
    }
  } else if (const auto* started = std::get_if<LayerStarted>(&record.what)) {
    const Stage& stage = plan.stages[started->stage];
    v1::LayerStarted* out = proto->mutable_layer_started();
    out->set_layer(stage.layer);
    out->set_round(stage.round);
    out->set_kind(StageKindToProto(stage.kind));
    out->set_stage(started->stage);
    for (const uint32_t task : started->tasks) TaskIdToProto(plan, task, out->add_tasks());
    for (const std::string& note : started->notes) out->add_notes(RepairUtf8(note));
  } else if (const auto* finished = std::get_if<TaskFinished>(&record.what)) {
    ResultToProto(plan, finished->result, proto->mutable_task_finished());
  } else if (const auto* degraded = std::get_if<JobDegraded>(&record.what)) {
    v1::JobDegraded* out = proto->mutable_degraded();
    out->set_layer(plan.stages[degraded->stage].layer);
    out->set_round(plan.stages[degraded->stage].round);
    out->set_survivors(degraded->survivors);
    out->set_failed(degraded->failed);
    out->set_reason(RepairUtf8(degraded->reason));
    out->set_stage(degraded->stage);
  } else if (const auto* ended = std::get_if<JobEnded>(&record.what)) {
    v1::JobEnded* out = proto->mutable_ended();
    out->set_state(JobStateToProto(ended->state));
    if (ended->state != JobState::kSucceeded) ErrorToProto(ended->error, out->mutable_error());
    out->set_latency_us(ToMicros(ended->latency));
    out->set_critical_path_us(ToMicros(ended->critical_path));
    JobUsageToProto(ended->usage, out->mutable_usage());
  }
}

absl::StatusOr<Record> RecordFromProto(const Plan& plan, v1::JobEvent* proto) {
  Record record{.sequence = proto->sequence(), .time = TimeFromProto(proto->time())};
  switch (proto->kind_case()) {
    case v1::JobEvent::kAccepted:
      record.what = JobAccepted{.seed = proto->accepted().seed(),
                                .trace = TraceFromProto(proto->accepted().trace())};
      return record;
    case v1::JobEvent::kLayerStarted: {
      const auto stage = FindStage(plan, proto->layer_started());
      if (!stage.ok()) return stage.status();
      LayerStarted started{.stage = *stage};
      for (const v1::TaskId& task : proto->layer_started().tasks()) {
        started.tasks.push_back(task.index());
      }
      for (std::string& note : *proto->mutable_layer_started()->mutable_notes()) {
        started.notes.push_back(std::move(note));
      }
      record.what = std::move(started);
      return record;
    }
    case v1::JobEvent::kTaskFinished:
      if (proto->task_finished().task().index() >= plan.tasks.size()) {
        return absl::DataLossError("the job's history names a task that the job does not have");
      }
      record.what = TaskFinished{.result = ResultFromProto(proto->mutable_task_finished())};
      return record;
    case v1::JobEvent::kDegraded: {
      const auto stage = FindStage(plan, proto->degraded());
      if (!stage.ok()) return stage.status();
      record.what = JobDegraded{.stage = *stage,
                                .survivors = proto->degraded().survivors(),
                                .failed = proto->degraded().failed(),
                                .reason = proto->degraded().reason()};
      return record;
    }
    case v1::JobEvent::kEnded:
      record.what = JobEnded{.state = JobStateFromProto(proto->ended().state()),
                             .error = ErrorFromProto(proto->ended().error()),
                             .latency = FromMicros(proto->ended().latency_us()),
                             .critical_path = FromMicros(proto->ended().critical_path_us()),
                             .usage = JobUsageFromProto(proto->ended().usage())};
      return record;
    case v1::JobEvent::KIND_NOT_SET:
      break;
  }
  return absl::DataLossError(absl::StrCat("event ", record.sequence,
                                          " of the job is of a kind this version does not know"));
}

}  // namespace moa
