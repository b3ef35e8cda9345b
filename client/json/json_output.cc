#include "client/json/json_output.h"

#include "client/json/job_json.h"
#include "client/json/moa_json.h"
#include "client/json/object_writer.h"
#include "client/json/result_json.h"
#include "common/trace/job_names.h"

namespace moa {
namespace {

void WritePreset(const v1::Preset& preset, ObjectWriter& out) {
  out.BeginObject();
  out.Text("name", preset.name());
  out.Text("description", preset.description());
  WriteMoa("moa", preset.moa(), out);
  out.EndObject();
}

// What was asked, so that it can be asked again: the messages hold what came of the job that it follows or grades.
void WriteAsked(const v1::Job& job, ObjectWriter& out) {
  if (!job.has_spec()) return;
  if (!job.spec().follows().empty()) out.Text("follows", job.spec().follows());
  if (!job.spec().grades().empty()) out.Text("grades", job.spec().grades());
  v1::JobSpec whole = job.spec();
  whole.clear_follows();
  whole.clear_grades();
  out.Raw("job", JobSpecJson(whole));
}

void WriteNotes(const v1::LayerResult& layer, ObjectWriter& out) {
  if (layer.notes().empty()) return;
  out.BeginArray("notes");
  for (const std::string& note : layer.notes()) out.Text(nullptr, note);
  out.EndArray();
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
    WriteNotes(layer, out);
    out.BeginArray("agents");
    for (const v1::TaskResult& task : layer.tasks()) WriteTask(nullptr, task, ids, out);
    out.EndArray();
    out.EndObject();
  }
  out.EndArray();
  out.Text("name", job.spec().name());
  out.Text("tenant", job.spec().tenant());
  out.Time("create_time", job.create_time());
  out.Time("end_time", job.end_time());
  WriteAsked(job, out);
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

std::string JobsJson(const std::vector<v1::JobSummary>& jobs, absl::string_view next_page_token) {
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
  if (!next_page_token.empty()) out.Text("next_page_token", next_page_token);
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
    out.Count("grading_slots", worker.grading_slots());
    out.Count("grading_slots_used", worker.grading_slots_used());
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

std::string PresetJson(const v1::Preset& preset) {
  ObjectWriter out;
  WritePreset(preset, out);
  return out.Take();
}

std::string PresetsJson(const std::vector<v1::Preset>& presets) {
  ObjectWriter out;
  out.BeginObject();
  out.BeginArray("presets");
  for (const v1::Preset& preset : presets) WritePreset(preset, out);
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
