#include "client/moactl/json_output.h"

#include <cmath>

#include "client/moactl/moa_json.h"
#include "client/moactl/names.h"
#include "client/moactl/object_writer.h"

namespace moa {
namespace {

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

void WriteTask(const v1::TaskResult& task, const TaskIds& ids, ObjectWriter& out) {
  const v1::Completion& completion = task.completion();
  out.BeginObject();
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
  WriteVerdicts(task, ids, out);
  out.EndObject();
}

}  // namespace

std::string JobJson(const v1::Job& job) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("job_id", job.job_id());
  out.Text("state", StateName(job.state()));
  out.Flag("degraded", job.degraded());
  if (!job.degradations().empty()) {
    out.BeginArray("degradations");
    for (const std::string& reason : job.degradations()) out.Text(nullptr, reason);
    out.EndArray();
  }
  out.Text("answer", job.answer().content());
  WriteToolCalls(job.answer().tool_calls(), out);
  if (job.has_error()) WriteError(job.error(), out);
  out.Millis("latency_ms", job.latency_us());
  out.Millis("critical_path_ms", job.critical_path_us());
  WriteUsage(job.usage(), out);
  const TaskIds ids = TaskIdsOf(job);
  out.BeginArray("layers");
  for (const v1::LayerResult& layer : job.layers()) {
    out.BeginObject();
    out.Count("layer", layer.layer());
    out.Count("round", layer.round());
    out.Text("kind", KindName(layer.kind()));
    if (!layer.notes().empty()) {
      out.BeginArray("notes");
      for (const std::string& note : layer.notes()) out.Text(nullptr, note);
      out.EndArray();
    }
    out.BeginArray("agents");
    for (const v1::TaskResult& task : layer.tasks()) WriteTask(task, ids, out);
    out.EndArray();
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  return out.Take();
}

std::string SubmittedJson(const v1::SubmitJobResponse& response) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("job_id", response.job_id());
  out.Text("state", StateName(response.state() == v1::JOB_STATE_UNSPECIFIED ? v1::JOB_STATE_QUEUED
                                                                            : response.state()));
  if (!response.warnings().empty()) {
    out.BeginArray("warnings");
    for (const std::string& warning : response.warnings()) out.Text(nullptr, warning);
    out.EndArray();
  }
  out.EndObject();
  return out.Take();
}

std::string JobsJson(const std::vector<v1::JobSummary>& jobs) {
  ObjectWriter out;
  out.BeginObject();
  out.BeginArray("jobs");
  for (const v1::JobSummary& job : jobs) {
    out.BeginObject();
    out.Text("job_id", job.job_id());
    out.Text("name", job.name());
    out.Text("tenant", job.tenant());
    out.Text("state", StateName(job.state()));
    out.Flag("degraded", job.degraded());
    out.Time("create_time", job.create_time());
    out.Time("end_time", job.end_time());
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  return out.Take();
}

std::string CountsJson(const v1::CountJobsResponse& counts) {
  ObjectWriter out;
  out.BeginObject();
  for (const v1::StateCount& count : counts.counts()) {
    out.Count(StateName(count.state()).c_str(), count.jobs());
  }
  out.Time("as_of", counts.as_of());
  out.EndObject();
  return out.Take();
}

std::string WorkersJson(const std::vector<v1::Worker>& workers) {
  ObjectWriter out;
  out.BeginObject();
  out.BeginArray("workers");
  for (const v1::Worker& worker : workers) {
    out.BeginObject();
    out.Text("worker_id", worker.worker_id());
    out.Text("name", worker.name());
    out.Count("slots", worker.slots());
    out.Count("slots_used", worker.slots_used());
    out.Flag("draining", worker.draining());
    out.BeginArray("models");
    for (const std::string& model : worker.models()) out.Text(nullptr, model);
    out.EndArray();
    out.Millis("connected_ms", worker.connected_us());
    out.Text("version", worker.version());
    out.Text("key_fingerprint", worker.key_fingerprint());
    out.Text("provider", worker.provider());
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  return out.Take();
}

std::string ModelsJson(const std::vector<v1::Model>& models) {
  ObjectWriter out;
  out.BeginObject();
  out.BeginArray("models");
  for (const v1::Model& model : models) {
    out.BeginObject();
    out.Text("id", model.id());
    out.Flag("configured", model.configured());
    out.Count("workers", model.workers());
    out.Count("context_tokens", model.context_tokens());
    out.Count("max_completion_tokens", model.max_completion_tokens());
    out.Number("usd_per_million_prompt_tokens", model.usd_per_million_prompt_tokens());
    out.Number("usd_per_million_completion_tokens", model.usd_per_million_completion_tokens());
    out.Number("tokens_per_second", model.tokens_per_second());
    out.BeginArray("reasoning_efforts");
    for (const std::string& effort : model.reasoning_efforts()) out.Text(nullptr, effort);
    out.EndArray();
    out.Text("default_reasoning_effort", model.default_reasoning_effort());
    out.Count("reservation_tokens_max", model.reservation_tokens_max());
    out.BeginArray("aliases");
    for (const std::string& alias : model.aliases()) out.Text(nullptr, alias);
    out.EndArray();
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  return out.Take();
}

std::string PresetsJson(const std::vector<v1::Preset>& presets) {
  ObjectWriter out;
  out.BeginObject();
  out.BeginArray("presets");
  for (const v1::Preset& preset : presets) {
    out.BeginObject();
    out.Text("name", preset.name());
    out.Text("description", preset.description());
    WriteMoa("moa", preset.moa(), out);
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  return out.Take();
}

std::string HealthJson(absl::string_view address) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("status", "SERVING");
  out.Text("coordinator", address);
  out.EndObject();
  return out.Take();
}

}  // namespace moa
