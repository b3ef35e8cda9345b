#include "client/json/inspect_json.h"

#include "client/json/job_json.h"
#include "client/json/moa_json.h"
#include "client/json/object_writer.h"
#include "common/trace/job_names.h"

namespace moa {
namespace {

void WritePlannedAgent(const v1::PlannedAgent& agent, ObjectWriter& out) {
  out.BeginObject();
  out.Text("agent", agent.agent());
  out.Text("model", agent.model());
  out.Count("calls", agent.calls());
  out.Count("prompt_tokens", agent.prompt_tokens());
  out.Count("max_completion_tokens", agent.max_completion_tokens());
  out.Count("context_tokens", agent.context_tokens());
  if (!agent.fit().empty()) out.Text("fit", agent.fit());
  if (agent.has_response_format())
    WriteResponseFormat("response_format", agent.response_format(), out);
  out.BeginArray("messages");
  for (const v1::Message& message : agent.messages()) WriteMessage(message, out);
  out.EndArray();
  out.EndObject();
}

}  // namespace

std::string InspectJson(const v1::InspectJobResponse& plan) {
  ObjectWriter out;
  out.BeginObject();
  out.Count("calls_max", plan.calls_max());
  out.Count("prompt_tokens_max", plan.prompt_tokens_max());
  out.Count("completion_tokens_max", plan.completion_tokens_max());
  out.Number("cost_usd_max", plan.cost_usd_max());
  out.BeginArray("warnings");
  for (const std::string& warning : plan.warnings()) out.Text(nullptr, warning);
  out.EndArray();
  out.BeginArray("stages");
  for (const v1::PlannedStage& stage : plan.stages()) {
    out.BeginObject();
    out.Text("kind", KindName(stage.kind()));
    out.Count("layer", stage.layer());
    out.Count("round", stage.round());
    out.Count("times", stage.times());
    if (!stage.then().empty()) out.Text("then", stage.then());
    out.BeginArray("agents");
    for (const v1::PlannedAgent& agent : stage.agents()) WritePlannedAgent(agent, out);
    out.EndArray();
    out.EndObject();
  }
  out.EndArray();
  WriteMoa("moa", plan.job().moa(), out);
  out.EndObject();
  return out.Take();
}

}  // namespace moa
