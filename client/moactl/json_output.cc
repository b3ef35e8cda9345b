#include "client/moactl/json_output.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>

#include "absl/time/time.h"
#include "client/moactl/names.h"
#include "common/base/text.h"

namespace moa {
namespace {

// RapidJSON's writer with keys before values and our types.
class ObjectWriter {
 public:
  std::string Take() const { return {buffer_.GetString(), buffer_.GetSize()}; }

  void BeginObject(const char* key = nullptr) { Key(key), writer_.StartObject(); }
  void EndObject() { writer_.EndObject(); }
  void BeginArray(const char* key) { Key(key), writer_.StartArray(); }
  void EndArray() { writer_.EndArray(); }

  void Text(const char* key, absl::string_view text) {
    Key(key);
    const std::string repaired = RepairUtf8(text);
    writer_.String(repaired.data(), static_cast<rapidjson::SizeType>(repaired.size()));
  }
  void Count(const char* key, uint64_t value) { Key(key), writer_.Uint64(value); }
  void Flag(const char* key, bool value) { Key(key), writer_.Bool(value); }
  // JSON has no infinities; a peer that sends one gets 0.
  void Number(const char* key, double value) {
    Key(key), writer_.Double(std::isfinite(value) ? value : 0);
  }
  void Millis(const char* key, uint64_t us) { Number(key, static_cast<double>(us) / 1000.0); }
  // RFC 3339, or nothing where the time is not set.
  void Time(const char* key, const google::protobuf::Timestamp& time) {
    if (time.seconds() == 0) return;
    Text(key,
         absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          absl::UTCTimeZone()));
  }

 private:
  void Key(const char* key) {
    if (key != nullptr) writer_.Key(key);
  }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

void WriteError(const v1::Error& error, ObjectWriter& out) {
  out.BeginObject("error");
  out.Text("code", ErrorName(error.code()));
  out.Text("message", error.message());
  out.EndObject();
}

void WriteToolCalls(const v1::Completion& completion, ObjectWriter& out) {
  if (completion.tool_calls().empty()) return;
  out.BeginArray("tool_calls");
  for (const v1::ToolCall& call : completion.tool_calls()) {
    out.BeginObject();
    out.Text("id", call.id());
    out.Text("name", call.name());
    out.Text("arguments", call.arguments());
    out.EndObject();
  }
  out.EndArray();
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

void WriteTask(const v1::TaskResult& task, ObjectWriter& out) {
  const v1::Completion& completion = task.completion();
  out.BeginObject();
  out.Text("agent", task.task().agent());
  out.Count("sample", task.task().sample());
  out.Text("model", task.model());
  out.Text("state", StateName(task.state()));
  out.Text("content", completion.content());
  WriteToolCalls(completion, out);
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
  out.EndObject();
}

void WriteAgent(const char* key, const v1::Agent& agent, ObjectWriter& out) {
  out.BeginObject(key);
  out.Text("name", agent.name());
  out.Text("model", agent.model());
  out.Count("samples", agent.samples() == 0 ? 1 : agent.samples());
  if (agent.has_temperature()) out.Number("temperature", agent.temperature());
  if (agent.has_max_completion_tokens()) {
    out.Count("max_completion_tokens", agent.max_completion_tokens());
  }
  out.Text("system_prompt", agent.system_prompt());
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
  WriteToolCalls(job.answer(), out);
  if (job.has_error()) WriteError(job.error(), out);
  out.Millis("latency_ms", job.latency_us());
  out.Millis("critical_path_ms", job.critical_path_us());
  WriteUsage(job.usage(), out);
  out.BeginArray("layers");
  for (const v1::LayerResult& layer : job.layers()) {
    out.BeginObject();
    out.Count("layer", layer.layer());
    out.Count("round", layer.round());
    out.BeginArray("agents");
    for (const v1::TaskResult& task : layer.tasks()) WriteTask(task, out);
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
    out.BeginObject("moa");
    out.BeginArray("layers");
    for (const v1::Layer& layer : preset.moa().layers()) {
      out.BeginObject();
      out.Count("cycles", layer.cycles() == 0 ? 1 : layer.cycles());
      out.BeginArray("agents");
      for (const v1::Agent& agent : layer.agents()) WriteAgent(nullptr, agent, out);
      out.EndArray();
      out.EndObject();
    }
    out.EndArray();
    WriteAgent("aggregator", preset.moa().aggregator(), out);
    out.EndObject();
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
