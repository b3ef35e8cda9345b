#include "coordinator/convert/convert.h"

namespace moa {
namespace {

void AgentToProto(const InspectedAgent& agent, v1::PlannedAgent* proto) {
  proto->set_agent(agent.agent);
  proto->set_model(agent.model);
  proto->set_calls(agent.calls);
  for (const Message& message : agent.messages) MessageToProto(message, proto->add_messages());
  proto->set_prompt_tokens(agent.prompt_tokens);
  proto->set_max_completion_tokens(agent.max_completion_tokens);
  proto->set_context_tokens(agent.context_tokens);
  proto->set_fit(agent.fit);
  if (agent.format != nullptr) FormatToProto(*agent.format, proto->mutable_response_format());
}

}  // namespace

void InspectionToProto(const Inspection& inspection, v1::InspectJobResponse* proto) {
  for (const InspectedStage& stage : inspection.stages) {
    v1::PlannedStage* out = proto->add_stages();
    out->set_kind(StageKindToProto(stage.kind));
    out->set_layer(stage.layer);
    out->set_round(stage.round);
    out->set_times(stage.times);
    out->set_then(stage.then);
    for (const InspectedAgent& agent : stage.agents) AgentToProto(agent, out->add_agents());
  }
  proto->set_calls_max(inspection.calls_max);
  proto->set_prompt_tokens_max(inspection.prompt_tokens_max);
  proto->set_completion_tokens_max(inspection.completion_tokens_max);
  proto->set_cost_usd_max(inspection.cost_usd_max);
}

}  // namespace moa
