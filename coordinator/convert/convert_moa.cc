#include <utility>

#include "absl/time/time.h"
#include "coordinator/convert/convert.h"

namespace moa {
namespace {

// The engine's enumerations count up as the proto's do; a value from a later version is the first.
template <typename Enum>
Enum EnumFromProto(int value, Enum last) {
  return value >= 0 && value <= static_cast<int>(last) ? static_cast<Enum>(value) : Enum{};
}
static_assert(static_cast<int>(ResponseFormat::Type::kJsonSchema) ==
              v1::ResponseFormat::JSON_SCHEMA);
static_assert(static_cast<int>(Sees::kNone) == v1::Agent::NONE);
static_assert(static_cast<int>(Match::kNumber) == v1::MATCH_NUMBER);
static_assert(static_cast<int>(Critique::Scope::kAll) == v1::Critique::ALL);
static_assert(static_cast<int>(Critique::Verdict::kScore) == v1::Critique::SCORE);
static_assert(static_cast<int>(Critique::Feedback::kNone) == v1::Critique::NONE);
static_assert(static_cast<int>(ReferenceRules::Placement::kSystem) == v1::References::SYSTEM);

ResponseFormat FormatFromProto(v1::ResponseFormat* proto) {
  return {.type = EnumFromProto(proto->type(), ResponseFormat::Type::kJsonSchema),
          .name = std::move(*proto->mutable_name()),
          .schema = Text(std::move(*proto->mutable_schema())),
          .strict = proto->strict()};
}

Agent AgentFromProto(v1::Agent* proto) {
  Agent agent{.name = std::move(*proto->mutable_name()),
              .model = std::move(*proto->mutable_model()),
              .system_prompt = Text(std::move(*proto->mutable_system_prompt())),
              .samples = proto->samples(),
              .reasoning_effort = std::move(*proto->mutable_reasoning_effort())};
  if (proto->has_temperature()) agent.temperature = proto->temperature();
  if (proto->has_top_p()) agent.top_p = proto->top_p();
  if (proto->has_max_completion_tokens()) {
    agent.max_completion_tokens = proto->max_completion_tokens();
  }
  if (proto->has_seed()) agent.seed = proto->seed();
  for (std::string& stop : *proto->mutable_stop()) agent.stop.emplace_back(std::move(stop));
  if (proto->has_frequency_penalty()) agent.frequency_penalty = proto->frequency_penalty();
  if (proto->has_presence_penalty()) agent.presence_penalty = proto->presence_penalty();
  for (std::string& model : *proto->mutable_fallback_models()) {
    agent.fallback_models.push_back(std::move(model));
  }
  if (proto->has_response_format()) {
    agent.response_format = FormatFromProto(proto->mutable_response_format());
  }
  agent.sees = EnumFromProto<Sees>(proto->sees(), Sees::kNone);
  agent.description = Text(std::move(*proto->mutable_description()));
  if (proto->has_grader()) {
    agent.grader =
        GraderSpec{.name = std::move(*proto->mutable_grader()->mutable_name()),
                   .definition = Text(std::move(*proto->mutable_grader()->mutable_definition()))};
  }
  return agent;
}

void AgentToProto(const Agent& agent, v1::Agent* proto) {
  proto->set_name(agent.name);
  proto->set_model(agent.model);
  proto->set_system_prompt(agent.system_prompt.view().data(), agent.system_prompt.size());
  proto->set_samples(agent.samples);
  if (agent.seed) proto->set_seed(*agent.seed);
  for (const std::string& model : agent.fallback_models) proto->add_fallback_models(model);
  if (agent.response_format)
    FormatToProto(*agent.response_format, proto->mutable_response_format());
  proto->set_sees(static_cast<v1::Agent::Sees>(agent.sees));
  proto->set_description(agent.description.view().data(), agent.description.size());
  if (agent.grader) {
    proto->mutable_grader()->set_name(agent.grader->name);
    const Text& definition = agent.grader->definition;
    proto->mutable_grader()->set_definition(definition.view().data(), definition.size());
  }
  SamplingToProto(agent, proto);
}

Critique CritiqueFromProto(v1::Critique* proto) {
  Critique critique{.scope = EnumFromProto(proto->scope(), Critique::Scope::kAll),
                    .verdict = EnumFromProto(proto->verdict(), Critique::Verdict::kScore),
                    .keep = proto->keep(),
                    .accept_min = proto->accept_min(),
                    .rounds = proto->rounds(),
                    .feedback = EnumFromProto(proto->feedback(), Critique::Feedback::kNone),
                    .may_end = proto->may_end()};
  for (v1::Agent& critic : *proto->mutable_critics()) {
    critique.critics.push_back(AgentFromProto(&critic));
  }
  if (proto->has_accept_score()) critique.accept_score = proto->accept_score();
  for (v1::Escalation& escalation : *proto->mutable_escalate()) {
    Escalation& step = critique.escalate.emplace_back();
    if (escalation.has_max_completion_tokens()) {
      step.max_completion_tokens = escalation.max_completion_tokens();
    }
    step.reasoning_effort = std::move(*escalation.mutable_reasoning_effort());
    if (escalation.has_temperature()) step.temperature = escalation.temperature();
  }
  return critique;
}

void CritiqueToProto(const Critique& critique, v1::Critique* proto) {
  for (const Agent& critic : critique.critics) AgentToProto(critic, proto->add_critics());
  proto->set_scope(static_cast<v1::Critique::Scope>(critique.scope));
  proto->set_verdict(static_cast<v1::Critique::Verdict>(critique.verdict));
  proto->set_keep(critique.keep);
  if (critique.accept_score) proto->set_accept_score(*critique.accept_score);
  proto->set_accept_min(critique.accept_min);
  proto->set_rounds(critique.rounds);
  proto->set_feedback(static_cast<v1::Critique::Feedback>(critique.feedback));
  for (const Escalation& step : critique.escalate) {
    v1::Escalation* out = proto->add_escalate();
    if (step.max_completion_tokens) out->set_max_completion_tokens(*step.max_completion_tokens);
    out->set_reasoning_effort(step.reasoning_effort);
    if (step.temperature) out->set_temperature(*step.temperature);
  }
  proto->set_may_end(critique.may_end);
}

Layer LayerFromProto(v1::Layer* proto) {
  Layer layer{.cycles = proto->cycles()};
  for (v1::Agent& agent : *proto->mutable_agents()) layer.agents.push_back(AgentFromProto(&agent));
  if (proto->has_quorum()) {
    layer.quorum =
        Quorum{.min = proto->quorum().min(), .grace = DurationFromProto(proto->quorum().grace())};
  }
  if (proto->has_route()) {
    layer.route = Route{.router = AgentFromProto(proto->mutable_route()->mutable_router()),
                        .top = proto->route().top()};
  }
  if (proto->has_critique()) layer.critique = CritiqueFromProto(proto->mutable_critique());
  if (proto->has_vote()) {
    layer.vote = Vote{.match = EnumFromProto(proto->vote().match(), Match::kNumber),
                      .min_agree = proto->vote().min_agree()};
  }
  if (proto->has_early_exit()) {
    layer.early_exit =
        EarlyExit{.match = EnumFromProto(proto->early_exit().match(), Match::kNumber),
                  .min_agree = proto->early_exit().min_agree()};
  }
  if (proto->has_enough()) {
    layer.enough = Enough{.answers = proto->enough().answers()};
    if (proto->enough().has_confidence()) layer.enough->confidence = proto->enough().confidence();
  }
  return layer;
}

void LayerToProto(const Layer& layer, v1::Layer* proto) {
  proto->set_cycles(layer.cycles);
  for (const Agent& agent : layer.agents) AgentToProto(agent, proto->add_agents());
  if (layer.quorum) {
    proto->mutable_quorum()->set_min(layer.quorum->min);
    DurationToProto(layer.quorum->grace, proto->mutable_quorum()->mutable_grace());
  }
  if (layer.route) {
    AgentToProto(layer.route->router, proto->mutable_route()->mutable_router());
    proto->mutable_route()->set_top(layer.route->top);
  }
  if (layer.critique) CritiqueToProto(*layer.critique, proto->mutable_critique());
  if (layer.vote) {
    proto->mutable_vote()->set_match(static_cast<v1::Match>(layer.vote->match));
    proto->mutable_vote()->set_min_agree(layer.vote->min_agree);
  }
  if (layer.early_exit) {
    proto->mutable_early_exit()->set_match(static_cast<v1::Match>(layer.early_exit->match));
    proto->mutable_early_exit()->set_min_agree(layer.early_exit->min_agree);
  }
  if (layer.enough) {
    proto->mutable_enough()->set_answers(layer.enough->answers);
    if (layer.enough->confidence)
      proto->mutable_enough()->set_confidence(*layer.enough->confidence);
  }
}

}  // namespace

absl::Duration DurationFromProto(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

void DurationToProto(absl::Duration duration, google::protobuf::Duration* proto) {
  const absl::Duration whole = absl::Trunc(duration, absl::Seconds(1));
  proto->set_seconds(absl::ToInt64Seconds(whole));
  proto->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration - whole)));
}

void SamplingToProto(const Agent& agent, v1::Agent* proto) {
  proto->set_reasoning_effort(agent.reasoning_effort);
  if (agent.temperature) proto->set_temperature(*agent.temperature);
  if (agent.top_p) proto->set_top_p(*agent.top_p);
  if (agent.max_completion_tokens) proto->set_max_completion_tokens(*agent.max_completion_tokens);
  for (const Text& stop : agent.stop) proto->add_stop(stop.view().data(), stop.size());
  if (agent.frequency_penalty) proto->set_frequency_penalty(*agent.frequency_penalty);
  if (agent.presence_penalty) proto->set_presence_penalty(*agent.presence_penalty);
}

void FormatToProto(const ResponseFormat& format, v1::ResponseFormat* proto) {
  proto->set_type(static_cast<v1::ResponseFormat::Type>(format.type));
  proto->set_name(format.name);
  proto->set_schema(format.schema.view().data(), format.schema.size());
  proto->set_strict(format.strict);
}

MoaSpec MoaFromProto(v1::Moa* proto) {
  MoaSpec moa;
  for (v1::Layer& layer : *proto->mutable_layers()) moa.layers.push_back(LayerFromProto(&layer));
  moa.aggregator = AgentFromProto(proto->mutable_aggregator());
  moa.best_answer = proto->best_answer();
  if (!proto->has_references()) return moa;
  v1::References& rules = *proto->mutable_references();
  moa.references.placement = EnumFromProto(rules.placement(), ReferenceRules::Placement::kSystem);
  if (rules.has_first_number()) moa.references.first_number = rules.first_number();
  moa.references.shuffle = rules.shuffle();
  if (rules.has_drop_similar()) moa.references.drop_similar = rules.drop_similar();
  moa.references.wrapper = Text(std::move(*rules.mutable_template_()));
  return moa;
}

void MoaToProto(const MoaSpec& moa, v1::Moa* proto) {
  for (const Layer& layer : moa.layers) LayerToProto(layer, proto->add_layers());
  if (!moa.best_answer) AgentToProto(moa.aggregator, proto->mutable_aggregator());
  proto->set_best_answer(moa.best_answer);
  if (moa.references == ReferenceRules{}) return;
  v1::References& rules = *proto->mutable_references();
  rules.set_placement(static_cast<v1::References::Placement>(moa.references.placement));
  rules.set_first_number(moa.references.first_number);
  rules.set_shuffle(moa.references.shuffle);
  if (moa.references.drop_similar) rules.set_drop_similar(*moa.references.drop_similar);
  rules.set_template_(moa.references.wrapper.view().data(), moa.references.wrapper.size());
}

}  // namespace moa
