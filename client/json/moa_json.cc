#include "client/json/moa_json.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/json/yaml_text.h"
#include "common/document/document.h"
#include "common/document/json_text.h"
#include "common/grading/shipped_graders.h"

namespace moa {
namespace {

// "MATCH_LAST_LINE" without its prefix, as job files have it.
std::string Word(absl::string_view name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

void WriteSampling(const v1::Agent& agent, ObjectWriter& out) {
  if (agent.samples() > 1) out.Count("samples", agent.samples());
  if (agent.has_temperature()) out.Number("temperature", agent.temperature());
  if (agent.has_top_p()) out.Number("top_p", agent.top_p());
  if (agent.has_max_completion_tokens()) {
    out.Count("max_completion_tokens", agent.max_completion_tokens());
  }
  if (agent.has_seed()) out.Count("seed", agent.seed());
  if (!agent.stop().empty()) {
    out.BeginArray("stop");
    for (const std::string& stop : agent.stop()) out.Text(nullptr, stop);
    out.EndArray();
  }
  if (!agent.reasoning_effort().empty()) out.Text("reasoning_effort", agent.reasoning_effort());
  if (agent.has_frequency_penalty()) out.Number("frequency_penalty", agent.frequency_penalty());
  if (agent.has_presence_penalty()) out.Number("presence_penalty", agent.presence_penalty());
}

// By its name where that says all, else with all that its file holds.
void WriteGrader(const v1::Grader& grader, ObjectWriter& out) {
  Problems problems;
  std::optional<Document> definition;
  if (!grader.definition().empty() && grader.definition() != ShippedGraderText(grader.name())) {
    definition = ReadDocument(grader.definition(), "definition", problems);
  }
  if (definition) {
    out.Raw("grader", ToJson(definition->root));
  } else {
    out.Text("grader", grader.name());
  }
}

void WriteAgent(const char* key, const v1::Agent& agent, ObjectWriter& out, MoaPart part) {
  out.BeginObject(key);
  if (!agent.name().empty()) out.Text("name", agent.name());
  if (agent.has_grader()) {
    WriteGrader(agent.grader(), out);
    return out.EndObject();
  }
  if (part == MoaPart::kWhole || !agent.model().empty()) out.Text("model", agent.model());
  if (!agent.description().empty()) out.Text("description", agent.description());
  WriteSampling(agent, out);
  if (agent.sees() != v1::Agent::ALL)
    out.Text("sees", Word(v1::Agent::Sees_Name(agent.sees()), ""));
  if (!agent.fallback_models().empty()) {
    out.BeginArray("fallback_models");
    for (const std::string& model : agent.fallback_models()) out.Text(nullptr, model);
    out.EndArray();
  }
  if (agent.has_response_format())
    WriteResponseFormat("response_format", agent.response_format(), out);
  if (!agent.system_prompt().empty()) out.Text("system_prompt", agent.system_prompt());
  out.EndObject();
}

void WriteAgents(const char* key, const google::protobuf::RepeatedPtrField<v1::Agent>& agents,
                 ObjectWriter& out, MoaPart part) {
  out.BeginArray(key);
  for (const v1::Agent& agent : agents) WriteAgent(nullptr, agent, out, part);
  out.EndArray();
}

void WriteCritique(const v1::Critique& critique, ObjectWriter& out, MoaPart part) {
  out.BeginObject("critique");
  if (!critique.critics().empty()) WriteAgents("critics", critique.critics(), out, part);
  out.Text("scope", Word(v1::Critique::Scope_Name(critique.scope()), ""));
  out.Text("verdict", Word(v1::Critique::Verdict_Name(critique.verdict()), ""));
  if (critique.keep() > 0) out.Count("keep", critique.keep());
  if (critique.has_accept_score()) out.Number("accept_score", critique.accept_score());
  if (critique.accept_min() > 0) out.Count("accept_min", critique.accept_min());
  if (critique.rounds() > 0) out.Count("rounds", critique.rounds());
  const bool all = critique.feedback() == v1::Critique::ALL_ANSWERS;
  out.Text("feedback", all ? "all" : Word(v1::Critique::Feedback_Name(critique.feedback()), ""));
  if (!critique.escalate().empty()) {
    out.BeginArray("escalate");
    for (const v1::Escalation& step : critique.escalate()) {
      out.BeginObject();
      if (step.has_max_completion_tokens()) {
        out.Count("max_completion_tokens", step.max_completion_tokens());
      }
      if (!step.reasoning_effort().empty()) out.Text("reasoning_effort", step.reasoning_effort());
      if (step.has_temperature()) out.Number("temperature", step.temperature());
      out.EndObject();
    }
    out.EndArray();
  }
  if (critique.may_end()) out.Flag("may_end", true);
  out.EndObject();
}

void WriteEnds(const v1::Layer& layer, ObjectWriter& out) {
  if (layer.has_quorum()) {
    out.BeginObject("quorum");
    if (layer.quorum().min() > 0) out.Count("min", layer.quorum().min());
    const google::protobuf::Duration& grace = layer.quorum().grace();
    if (grace.seconds() != 0 || grace.nanos() != 0) out.Text("grace", DurationText(grace));
    out.EndObject();
  }
  if (layer.has_enough()) {
    out.BeginObject("enough");
    if (layer.enough().answers() > 0) out.Count("answers", layer.enough().answers());
    if (layer.enough().has_confidence()) out.Number("confidence", layer.enough().confidence());
    out.EndObject();
  }
  if (layer.has_vote()) {
    out.BeginObject("vote");
    out.Text("match", Word(v1::Match_Name(layer.vote().match()), "MATCH_"));
    if (layer.vote().min_agree() > 0) out.Count("min_agree", layer.vote().min_agree());
    out.EndObject();
  }
  if (layer.has_early_exit()) {
    out.BeginObject("early_exit");
    out.Text("match", Word(v1::Match_Name(layer.early_exit().match()), "MATCH_"));
    if (layer.early_exit().min_agree() > 0) out.Count("min_agree", layer.early_exit().min_agree());
    out.EndObject();
  }
}

void WriteLayer(const v1::Layer& layer, ObjectWriter& out, MoaPart part) {
  const bool whole = part == MoaPart::kWhole;
  out.BeginObject();
  if (whole || layer.cycles() > 0) out.Count("cycles", layer.cycles() == 0 ? 1 : layer.cycles());
  if (layer.has_route()) {
    out.BeginObject("route");
    if (layer.route().has_router()) WriteAgent("router", layer.route().router(), out, part);
    if (layer.route().top() > 0) out.Count("top", layer.route().top());
    out.EndObject();
  }
  if (whole || !layer.agents().empty()) WriteAgents("agents", layer.agents(), out, part);
  WriteEnds(layer, out);
  if (layer.has_critique()) WriteCritique(layer.critique(), out, part);
  out.EndObject();
}

void WriteReferences(const v1::References& references, ObjectWriter& out) {
  out.BeginObject("references");
  out.Text("placement", Word(v1::References::Placement_Name(references.placement()), ""));
  if (references.has_first_number()) out.Count("first_number", references.first_number());
  if (references.shuffle()) out.Flag("shuffle", true);
  if (references.has_drop_similar()) out.Number("drop_similar", references.drop_similar());
  if (!references.template_().empty()) out.Text("template", references.template_());
  out.EndObject();
}

}  // namespace

void WriteToolCalls(const google::protobuf::RepeatedPtrField<v1::ToolCall>& calls,
                    ObjectWriter& out) {
  if (calls.empty()) return;
  out.BeginArray("tool_calls");
  for (const v1::ToolCall& call : calls) {
    out.BeginObject();
    out.Text("id", call.id());
    out.Text("name", call.name());
    out.Text("arguments", call.arguments());
    out.EndObject();
  }
  out.EndArray();
}

void WriteResponseFormat(const char* key, const v1::ResponseFormat& format, ObjectWriter& out) {
  out.BeginObject(key);
  out.Text("type", Word(v1::ResponseFormat::Type_Name(format.type()), ""));
  if (!format.name().empty()) out.Text("name", format.name());
  if (format.strict()) out.Flag("strict", true);
  if (!format.schema().empty()) out.Text("schema", format.schema());
  out.EndObject();
}

void WriteMoa(const char* key, const v1::Moa& moa, ObjectWriter& out, MoaPart part) {
  const bool whole = part == MoaPart::kWhole;
  out.BeginObject(key);
  if (moa.has_references()) WriteReferences(moa.references(), out);
  if (whole || !moa.layers().empty()) {
    out.BeginArray("layers");
    for (const v1::Layer& layer : moa.layers()) WriteLayer(layer, out, part);
    out.EndArray();
  }
  if (moa.best_answer()) {
    out.Text("answer", "best");
  } else if (whole || moa.has_aggregator()) {
    WriteAgent("aggregator", moa.aggregator(), out, part);
  }
  out.EndObject();
}

std::string DurationText(const google::protobuf::Duration& duration) {
  return absl::FormatDuration(absl::Seconds(duration.seconds()) +
                              absl::Nanoseconds(duration.nanos()));
}

std::string MoaJson(const v1::Moa& moa) {
  ObjectWriter out;
  WriteMoa(nullptr, moa, out);
  return out.Take();
}

std::string MoaYaml(const v1::Moa& moa) {
  ObjectWriter out;
  out.BeginObject();
  WriteMoa("moa", moa, out);
  out.EndObject();
  Problems problems;
  const std::optional<Document> document = ReadJson(out.Take(), "moa", problems);
  // What is too large for a document is JSON, which is YAML as well.
  return document ? YamlText(document->root) : absl::StrCat(out.Take(), "\n");
}

}  // namespace moa
