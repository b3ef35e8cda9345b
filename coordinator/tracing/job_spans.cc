#include "coordinator/tracing/job_spans.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/trace/job_names.h"
#include "common/trace/job_trace.h"

namespace moa {
namespace {

// "UPSTREAM_TIMEOUT: the call …": what follows the code may quote a prompt.
std::string CodeOf(const std::string& error) { return error.substr(0, error.find(':')); }

class Builder {
 public:
  Builder(const JobTrace& trace, const v1::Job& job, const TraceContext& context)
      : trace_(trace), job_(job), context_(context), start_(StartOf(trace)) {}

  std::vector<Span> Build(const v1::JobEnded* ended) {
    const std::string job_span = Id("job");
    Span& job = Add(job_span, context_.span_id, "job", absl::ZeroDuration(), trace_.latency);
    job.kind = Span::Kind::kServer;
    job.attributes = {{"moa.job.id", trace_.job_id},
                      {"moa.job.tenant", job_.spec().tenant()},
                      {"moa.job.state", StateName(trace_.state)},
                      {"moa.job.degraded", trace_.degraded}};
    if (!trace_.name.empty()) job.attributes.emplace_back("moa.job.name", trace_.name);
    if (ended != nullptr) AddUsage(*ended, job);
    for (size_t i = 0; i < trace_.stages.size(); ++i) AddStage(trace_.stages[i], i, job_span);
    return std::move(spans_);
  }

 private:
  static absl::Time StartOf(const JobTrace& trace) {
    return absl::FromUnixSeconds(trace.accept_time.seconds()) +
           absl::Nanoseconds(trace.accept_time.nanos());
  }

  std::string Id(absl::string_view of) const {
    return DeriveSpanId(context_.trace_id, absl::StrCat(trace_.job_id, "/", of));
  }

  Span& Add(std::string id, std::string parent, std::string name, absl::Duration begin,
            absl::Duration end) {
    Span& span = spans_.emplace_back();
    span.trace_id = context_.trace_id;
    span.span_id = std::move(id);
    span.parent_id = std::move(parent);
    span.state = context_.state;
    span.name = std::move(name);
    span.begin = start_ + begin;
    span.end = start_ + end;
    return span;
  }

  static void AddUsage(const v1::JobEnded& ended, Span& span) {
    const v1::Usage& tokens = ended.usage().tokens();
    span.attributes.emplace_back("moa.job.critical_path",
                                 static_cast<double>(ended.critical_path_us()) / 1e6);
    span.attributes.emplace_back("moa.job.upstream_calls",
                                 static_cast<int64_t>(ended.usage().upstream_calls()));
    span.attributes.emplace_back("gen_ai.usage.input_tokens",
                                 static_cast<int64_t>(tokens.prompt_tokens()));
    span.attributes.emplace_back("gen_ai.usage.output_tokens",
                                 static_cast<int64_t>(tokens.completion_tokens()));
    span.attributes.emplace_back("moa.job.cost_usd", ended.usage().cost_usd());
    if (ended.state() == v1::JOB_STATE_FAILED) SetError(ErrorName(ended.error().code()), span);
  }

  static void SetError(std::string code, Span& span) {
    span.attributes.emplace_back("error.type", code);
    span.error = std::move(code);
  }

  void AddStage(const StageTrace& stage, size_t position, const std::string& job_span) {
    const std::string id = Id(absl::StrCat("stage/", position));
    Span& span = Add(id, job_span, StageTitle(stage), stage.begin, stage.end);
    span.attributes = {{"moa.layer", int64_t{stage.layer}},
                       {"moa.round", int64_t{stage.round}},
                       {"moa.stage.kind", KindName(stage.kind)}};
    for (const TaskTrace& task : stage.tasks) AddTask(task, id);
  }

  void AddTask(const TaskTrace& task, const std::string& stage_span) {
    const std::string id = Id(absl::StrCat("task/", task.id.index()));
    Span& span =
        Add(id, stage_span, absl::StrCat("invoke_agent ", task.name), task.begin, task.end);
    span.attributes = {{"gen_ai.operation.name", std::string("invoke_agent")},
                       {"gen_ai.agent.name", task.id.agent()},
                       {"moa.task.sample", int64_t{task.id.sample()}},
                       {"moa.task.state", StateName(task.state)},
                       {"moa.task.attempts", int64_t{task.attempts}},
                       {"moa.task.hedged", task.hedged},
                       {"moa.task.critical", task.is_critical}};
    const bool failed = task.state == v1::TASK_STATE_FAILED;
    if (failed) SetError(CodeOf(task.error), span);
    // The last attempt of a task that failed is its call below.
    const size_t before =
        task.failed.size() - (failed && task.call && !task.failed.empty() ? 1 : 0);
    for (size_t i = 0; i < before; ++i) AddFailedCall(task, i, id);
    if (!task.call) return;
    Span& call = Add(CallSpanId(context_.trace_id, trace_.job_id, task.id.index()), id,
                     absl::StrCat("chat ", task.model), task.call->begin, task.call->end);
    call.kind = Span::Kind::kClient;
    call.attributes = {{"gen_ai.operation.name", std::string("chat")},
                       {"gen_ai.request.model", task.model},
                       {"moa.worker", task.worker}};
    if (task.prompt_tokens > 0) {
      call.attributes.emplace_back("gen_ai.usage.input_tokens",
                                   static_cast<int64_t>(task.prompt_tokens));
      call.attributes.emplace_back("gen_ai.usage.output_tokens",
                                   static_cast<int64_t>(task.completion_tokens));
    }
    if (task.call->first_token) {
      call.events.emplace_back(start_ + *task.call->first_token, "first token");
    }
    if (failed) SetError(CodeOf(task.error), call);
  }

  void AddFailedCall(const TaskTrace& task, size_t number, const std::string& task_span) {
    const FailedCallTrace& failed = task.failed[number];
    Span& call = Add(Id(absl::StrCat("failed/", task.id.index(), "/", number)), task_span,
                     absl::StrCat("chat ", failed.model), failed.begin, failed.end);
    call.kind = Span::Kind::kClient;
    call.attributes = {{"gen_ai.operation.name", std::string("chat")},
                       {"gen_ai.request.model", failed.model},
                       {"moa.worker", failed.worker}};
    SetError(CodeOf(failed.error), call);
  }

  const JobTrace& trace_;
  const v1::Job& job_;
  const TraceContext& context_;
  const absl::Time start_;
  std::vector<Span> spans_;
};

}  // namespace

TraceContext ContextOf(absl::string_view job_id, const std::optional<TraceContext>& client,
                       double share) {
  if (client) return *client;
  TraceContext own;
  own.trace_id = DeriveTraceId(job_id);
  own.sampled = IsSampled(own.trace_id, share);
  return own;
}

std::string CallSpanId(absl::string_view trace_id, absl::string_view job_id, uint32_t task) {
  return DeriveSpanId(trace_id, absl::StrCat(job_id, "/call/", task));
}

std::vector<Span> JobSpans(const v1::Job& job, const std::vector<v1::JobEvent>& events,
                           const TraceContext& context) {
  const JobTrace trace = MakeTrace(job, events);
  const bool has_ended = !events.empty() && events.back().has_ended();
  return Builder(trace, job, context).Build(has_ended ? &events.back().ended() : nullptr);
}

}  // namespace moa
