#include "tests/cluster/job_view.h"

#include <rapidjson/document.h>

#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace moa::cluster {
namespace {

using Value = rapidjson::Value;

const Value* Member(const Value& object, const char* name) {
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string TextOf(const Value& object, const char* name) {
  const Value* value = Member(object, name);
  if (value == nullptr || !value->IsString()) return "";
  return std::string(value->GetString(), value->GetStringLength());
}

int64_t NumberOf(const Value& object, const char* name) {
  const Value* value = Member(object, name);
  return value != nullptr && value->IsInt64() ? value->GetInt64() : 0;
}

bool FlagOf(const Value& object, const char* name) {
  const Value* value = Member(object, name);
  return value != nullptr && value->IsBool() && value->GetBool();
}

LayerView ReadLayer(const Value& value) {
  LayerView layer;
  layer.layer = NumberOf(value, "layer");
  layer.round = NumberOf(value, "round");
  const Value* agents = Member(value, "agents");
  if (agents == nullptr || !agents->IsArray()) return layer;
  for (const Value& entry : agents->GetArray()) {
    layer.agents.push_back({TextOf(entry, "agent"), NumberOf(entry, "sample"),
                            TextOf(entry, "model"), TextOf(entry, "state"),
                            TextOf(entry, "content"), NumberOf(entry, "attempts"),
                            NumberOf(entry, "prompt_tokens")});
  }
  return layer;
}

// What stands between `name=` and the next of " ]" in the first tag of `reply`.
absl::string_view TagField(absl::string_view reply, absl::string_view name) {
  const size_t tag = reply.find("[sim ");
  if (tag == absl::string_view::npos) return "";
  const std::string marker = absl::StrCat(" ", name, "=");
  const size_t at = reply.find({marker.data(), marker.size()}, tag);
  if (at == absl::string_view::npos) return "";
  const absl::string_view rest = reply.substr(at + marker.size());
  return rest.substr(0, rest.find_first_of(" ]"));
}

}  // namespace

JobView ParseJob(absl::string_view json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) {
    throw std::runtime_error(absl::StrCat("not a job's JSON: ", json.substr(0, 2000)));
  }
  JobView job;
  job.job_id = TextOf(document, "job_id");
  job.state = TextOf(document, "state");
  job.degraded = FlagOf(document, "degraded");
  job.answer = TextOf(document, "answer");
  if (const Value* error = Member(document, "error"); error != nullptr && error->IsObject()) {
    job.error_code = TextOf(*error, "code");
    job.error_message = TextOf(*error, "message");
  }
  if (const Value* usage = Member(document, "usage"); usage != nullptr && usage->IsObject()) {
    job.upstream_calls = NumberOf(*usage, "upstream_calls");
  }
  if (const Value* layers = Member(document, "layers"); layers != nullptr && layers->IsArray()) {
    for (const Value& layer : layers->GetArray()) job.layers.push_back(ReadLayer(layer));
  }
  return job;
}

std::string DigestOf(absl::string_view reply) { return std::string(TagField(reply, "digest")); }

std::vector<std::string> SawOf(absl::string_view reply) {
  const absl::string_view saw = TagField(reply, "saw");
  if (saw.empty() || saw == "-") return {};
  return absl::StrSplit(saw, ',');
}

std::vector<std::string> DigestsOf(const LayerView& layer) {
  std::vector<std::string> digests;
  for (const AgentView& agent : layer.agents) digests.push_back(DigestOf(agent.content));
  return digests;
}

}  // namespace moa::cluster
