#include "common/jobfile/agent_fields.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "common/document/json_text.h"
#include "common/grading/grader_file.h"

namespace moa {
namespace {

constexpr std::pair<const char*, v1::Agent::Sees> kSees[] = {
    {"all", v1::Agent::ALL}, {"dealt", v1::Agent::DEALT}, {"none", v1::Agent::NONE}};
constexpr std::pair<const char*, v1::ResponseFormat::Type> kFormats[] = {
    {"text", v1::ResponseFormat::TEXT},
    {"json_object", v1::ResponseFormat::JSON_OBJECT},
    {"json_schema", v1::ResponseFormat::JSON_SCHEMA}};

// Ours, with everything side by side, or the API's, with what belongs to a schema under `json_schema`.
v1::ResponseFormat ReadResponseFormat(const Field& field, MoaForm form) {
  v1::ResponseFormat format;
  Mapping outer(field);
  format.set_type(ReadWord(form == MoaForm::kWhole ? outer.Required("type") : outer["type"],
                           kFormats, v1::ResponseFormat::TEXT));
  const Field nested = outer["json_schema"];
  Mapping inner = nested.present() ? Mapping(nested) : outer;
  if (auto v = inner["name"].String()) format.set_name(*v);
  if (auto v = inner["strict"].Bool()) format.set_strict(*v);
  if (const Field schema = inner["schema"]; schema.present()) {
    if (schema.node().kind == NodeKind::kMapping) {
      format.set_schema(ToJson(schema.node()));
    } else if (auto v = schema.String()) {
      format.set_schema(*std::move(v));
    }
  }
  inner.ReportUnknown();
  if (nested.present()) outer.ReportUnknown();
  return format;
}

// The name of a grader, or all that its file would hold.
v1::Grader ReadGraderField(const Field& field) {
  v1::Grader grader;
  if (field.node().kind == NodeKind::kMapping) {
    if (const std::optional<Grader> read = ReadGrader(field)) {
      grader.set_name(read->name());
      grader.set_definition(ToJson(field.node()));
    }
  } else if (auto v = field.String()) {
    if (v->empty()) field.Report("must name a grader, or hold one");
    grader.set_name(*std::move(v));
  }
  return grader;
}

}  // namespace

v1::Agent ReadAgent(const Field& field, MoaForm form, bool name_required) {
  v1::Agent agent;
  Mapping m(field);
  const bool whole = form == MoaForm::kWhole;
  if (auto v = (name_required && whole ? m.Required("name") : m["name"]).String()) {
    agent.set_name(*v);
  }
  const Field grader = m["grader"];
  if (grader.present()) *agent.mutable_grader() = ReadGraderField(grader);
  const bool model_required = whole && !grader.present();
  if (auto v = (model_required ? m.Required("model") : m["model"]).String()) agent.set_model(*v);
  if (auto v = m["system_prompt"].String()) agent.set_system_prompt(*std::move(v));
  if (auto v = m["samples"].Unsigned(1, std::numeric_limits<uint32_t>::max()))
    agent.set_samples(static_cast<uint32_t>(*v));
  if (auto v = m["temperature"].Number()) agent.set_temperature(*v);
  if (auto v = m["top_p"].Number()) agent.set_top_p(*v);
  if (auto v = m["max_completion_tokens"].Unsigned(1, std::numeric_limits<uint32_t>::max())) {
    agent.set_max_completion_tokens(static_cast<uint32_t>(*v));
  }
  if (auto v = m["seed"].Unsigned()) agent.set_seed(*v);
  for (const Field& item : m["stop"].ItemsOrScalar()) {
    if (auto v = item.String()) agent.add_stop(*std::move(v));
  }
  if (auto v = m["reasoning_effort"].String()) agent.set_reasoning_effort(*v);
  if (auto v = m["frequency_penalty"].Number()) agent.set_frequency_penalty(*v);
  if (auto v = m["presence_penalty"].Number()) agent.set_presence_penalty(*v);
  for (const Field& item : m["fallback_models"].ItemsOrScalar()) {
    if (auto v = item.String()) agent.add_fallback_models(*v);
  }
  if (const Field format = m["response_format"]; format.present()) {
    *agent.mutable_response_format() = ReadResponseFormat(format, form);
  }
  agent.set_sees(ReadWord(m["sees"], kSees, v1::Agent::ALL));
  if (auto v = m["description"].String()) agent.set_description(*std::move(v));
  m.ReportUnknown();
  return agent;
}

}  // namespace moa
