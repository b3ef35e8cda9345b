#include "client/json/result_json.h"

#include <cmath>

#include "client/json/moa_json.h"

namespace moa {
namespace {

void WriteVerdicts(const v1::TaskResult& task, const TaskIds& ids, ObjectWriter& out) {
  if (task.verdicts().empty()) return;
  out.BeginArray("verdicts");
  for (const v1::Verdict& verdict : task.verdicts()) {
    out.BeginObject();
    if (const auto of = ids.find(verdict.task_index()); of != ids.end()) {
      out.Text("answer_of", of->second.agent());
      out.Count("sample", of->second.sample());
    }
    out.Flag("accept", verdict.accept());
    out.Number("score", verdict.score());
    out.Text("feedback", verdict.feedback());
    out.EndObject();
  }
  out.EndArray();
}

void WriteFailedAttempts(const v1::TaskResult& task, ObjectWriter& out) {
  if (task.failed_attempts().empty()) return;
  out.BeginArray("failed_attempts");
  for (const v1::FailedAttempt& attempt : task.failed_attempts()) {
    out.BeginObject();
    out.Text("model", attempt.model());
    out.Text("worker", attempt.worker());
    out.Millis("began_ms", attempt.began_us());
    out.Millis("run_ms", attempt.run_us());
    WriteError(attempt.error(), out);
    out.EndObject();
  }
  out.EndArray();
}

}  // namespace

void WriteError(const v1::Error& error, ObjectWriter& out) {
  out.BeginObject("error");
  out.Text("code", ErrorName(error.code()));
  out.Text("message", error.message());
  out.EndObject();
}

void WriteUsage(const v1::JobUsage& usage, ObjectWriter& out) {
  out.BeginObject("usage");
  out.Count("prompt_tokens", usage.tokens().prompt_tokens());
  out.Count("completion_tokens", usage.tokens().completion_tokens());
  out.Count("cached_tokens", usage.tokens().cached_tokens());
  out.Count("upstream_calls", usage.upstream_calls());
  out.Number("cost_usd", usage.cost_usd());
  out.EndObject();
}

void WriteTask(const char* key, const v1::TaskResult& task, const TaskIds& ids, ObjectWriter& out) {
  const v1::Completion& completion = task.completion();
  out.BeginObject(key);
  out.Text("agent", task.task().agent());
  out.Count("sample", task.task().sample());
  out.Text("model", task.model());
  out.Text("state", StateName(task.state()));
  out.Text("content", completion.content());
  WriteToolCalls(completion.tool_calls(), out);
  if (task.has_error()) WriteError(task.error(), out);
  out.Text("finish_reason", completion.finish_reason());
  out.Count("attempts", task.attempts());
  out.Millis("queue_ms", task.queue_us());
  out.Millis("run_ms", task.run_us());
  out.Millis("ttft_ms", task.ttft_us());
  out.Count("prompt_tokens", completion.usage().prompt_tokens());
  out.Count("completion_tokens", completion.usage().completion_tokens());
  out.Number("share_of_answer", std::round(task.share_of_answer() * 1e4) / 1e4);
  if (task.has_cost_usd()) out.Number("cost_usd", task.cost_usd());
  if (task.hedged()) out.Flag("hedged", true);
  if (task.has_novelty()) out.Number("novelty", std::round(task.novelty() * 1e4) / 1e4);
  if (task.has_score()) out.Number("score", task.score());
  if (task.has_accepted()) out.Flag("accepted", task.accepted());
  if (task.has_handed_on()) out.Flag("handed_on", task.handed_on());
  if (!task.worker().empty()) out.Text("worker", task.worker());
  if (task.wasted().prompt_tokens() + task.wasted().completion_tokens() > 0) {
    out.Count("wasted_prompt_tokens", task.wasted().prompt_tokens());
    out.Count("wasted_completion_tokens", task.wasted().completion_tokens());
  }
  WriteFailedAttempts(task, out);
  WriteVerdicts(task, ids, out);
  out.EndObject();
}

}  // namespace moa
