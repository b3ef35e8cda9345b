#include <utility>

#include "absl/time/time.h"
#include "coordinator/convert/convert.h"

namespace moa {
namespace {

Role RoleFromProto(v1::Role role) {
  switch (role) {
    case v1::ROLE_SYSTEM:
      return Role::kSystem;
    case v1::ROLE_DEVELOPER:
      return Role::kDeveloper;
    case v1::ROLE_ASSISTANT:
      return Role::kAssistant;
    case v1::ROLE_TOOL:
      return Role::kTool;
    default:
      return Role::kUser;
  }
}

v1::Role RoleToProto(Role role) {
  switch (role) {
    case Role::kSystem:
      return v1::ROLE_SYSTEM;
    case Role::kDeveloper:
      return v1::ROLE_DEVELOPER;
    case Role::kUser:
      return v1::ROLE_USER;
    case Role::kAssistant:
      return v1::ROLE_ASSISTANT;
    case Role::kTool:
      return v1::ROLE_TOOL;
  }
  return v1::ROLE_UNSPECIFIED;
}

template <typename T>
void SetBytes(const Text& text, T setter) {
  if (!text.empty()) setter(text.view().data(), text.size());
}

void ToolCallToProto(const ToolCall& call, v1::ToolCall* proto) {
  proto->set_id(call.id);
  proto->set_name(call.name);
  proto->set_arguments(call.arguments.view().data(), call.arguments.size());
}

ToolCall ToolCallFromProto(v1::ToolCall* proto) {
  return {.id = std::move(*proto->mutable_id()),
          .name = std::move(*proto->mutable_name()),
          .arguments = Text(std::move(*proto->mutable_arguments()))};
}

Budget BudgetFromProto(const v1::Budget& proto) {
  Budget budget;
  if (proto.has_max_total_tokens()) budget.max_total_tokens = proto.max_total_tokens();
  if (proto.has_max_upstream_calls()) budget.max_upstream_calls = proto.max_upstream_calls();
  if (proto.has_max_cost_usd()) budget.max_cost_usd = proto.max_cost_usd();
  return budget;
}

void BudgetToProto(const Budget& budget, v1::Budget* proto) {
  if (budget.max_total_tokens) proto->set_max_total_tokens(*budget.max_total_tokens);
  if (budget.max_upstream_calls) proto->set_max_upstream_calls(*budget.max_upstream_calls);
  if (budget.max_cost_usd) proto->set_max_cost_usd(*budget.max_cost_usd);
}

ToolChoice ToolChoiceFromProto(v1::ToolChoice* proto) {
  ToolChoice choice{.function = std::move(*proto->mutable_function())};
  switch (proto->mode()) {
    case v1::ToolChoice::NONE:
      choice.mode = ToolChoice::Mode::kNone;
      break;
    case v1::ToolChoice::AUTO:
      choice.mode = ToolChoice::Mode::kAuto;
      break;
    case v1::ToolChoice::REQUIRED:
      choice.mode = ToolChoice::Mode::kRequired;
      break;
    case v1::ToolChoice::FUNCTION:
      choice.mode = ToolChoice::Mode::kFunction;
      break;
    default:
      break;
  }
  return choice;
}

v1::ToolChoice::Mode ToolChoiceModeToProto(ToolChoice::Mode mode) {
  switch (mode) {
    case ToolChoice::Mode::kUnspecified:
      return v1::ToolChoice::MODE_UNSPECIFIED;
    case ToolChoice::Mode::kNone:
      return v1::ToolChoice::NONE;
    case ToolChoice::Mode::kAuto:
      return v1::ToolChoice::AUTO;
    case ToolChoice::Mode::kRequired:
      return v1::ToolChoice::REQUIRED;
    case ToolChoice::Mode::kFunction:
      return v1::ToolChoice::FUNCTION;
  }
  return v1::ToolChoice::MODE_UNSPECIFIED;
}

// `Proto` is JobSpec or RunTask: both carry the tools in fields of the same names.
template <typename Proto>
void ToolsToProto(const JobSpec& spec, Proto* proto) {
  for (const Tool& tool : spec.tools) {
    v1::Tool* out = proto->add_tools();
    out->set_name(tool.name);
    out->set_description(tool.description.view().data(), tool.description.size());
    out->set_parameters(tool.parameters.view().data(), tool.parameters.size());
    if (tool.strict) out->set_strict(*tool.strict);
  }
  if (spec.tool_choice.mode != ToolChoice::Mode::kUnspecified) {
    proto->mutable_tool_choice()->set_mode(ToolChoiceModeToProto(spec.tool_choice.mode));
    proto->mutable_tool_choice()->set_function(spec.tool_choice.function);
  }
  if (spec.parallel_tool_calls) proto->set_parallel_tool_calls(*spec.parallel_tool_calls);
}

}  // namespace

Message MessageFromProto(v1::Message* proto) {
  Message message{.role = RoleFromProto(proto->role()),
                  .content = Text(std::move(*proto->mutable_content())),
                  .name = std::move(*proto->mutable_name()),
                  .reasoning = Text(std::move(*proto->mutable_reasoning())),
                  .tool_call_id = std::move(*proto->mutable_tool_call_id())};
  for (v1::ToolCall& call : *proto->mutable_tool_calls()) {
    message.tool_calls.push_back(ToolCallFromProto(&call));
  }
  return message;
}

void MessageToProto(const Message& message, v1::Message* proto) {
  proto->set_role(RoleToProto(message.role));
  proto->set_content(message.content.view().data(), message.content.size());
  proto->set_name(message.name);
  SetBytes(message.reasoning, [&](auto... args) { proto->set_reasoning(args...); });
  for (const ToolCall& call : message.tool_calls) ToolCallToProto(call, proto->add_tool_calls());
  proto->set_tool_call_id(message.tool_call_id);
}

GradedJob GradedFromProto(v1::GradedJob* proto) {
  return {.name = std::move(*proto->mutable_name()),
          .config = std::move(*proto->mutable_config()),
          .total_tokens = proto->total_tokens(),
          .upstream_calls = proto->upstream_calls(),
          .cost_usd = proto->cost_usd(),
          .latency = absl::Microseconds(static_cast<int64_t>(proto->latency_us()))};
}

void GradedToProto(const GradedJob& graded, v1::GradedJob* proto) {
  proto->set_name(graded.name);
  proto->set_config(graded.config);
  proto->set_total_tokens(graded.total_tokens);
  proto->set_upstream_calls(graded.upstream_calls);
  proto->set_cost_usd(graded.cost_usd);
  proto->set_latency_us(ToMicros(graded.latency));
}

JobSpec SpecFromProto(v1::JobSpec* proto) {
  JobSpec spec{.name = std::move(*proto->mutable_name()),
               .tenant = Tenant(std::move(*proto->mutable_tenant()))};
  for (v1::Message& message : *proto->mutable_messages()) {
    spec.messages.push_back(MessageFromProto(&message));
  }
  spec.moa = MoaFromProto(proto->mutable_moa());
  for (v1::Tool& tool : *proto->mutable_tools()) {
    Tool& out = spec.tools.emplace_back();
    out.name = std::move(*tool.mutable_name());
    out.description = Text(std::move(*tool.mutable_description()));
    out.parameters = Text(std::move(*tool.mutable_parameters()));
    if (tool.has_strict()) out.strict = tool.strict();
  }
  if (proto->has_tool_choice())
    spec.tool_choice = ToolChoiceFromProto(proto->mutable_tool_choice());
  if (proto->has_parallel_tool_calls()) spec.parallel_tool_calls = proto->parallel_tool_calls();
  if (proto->has_deadline()) spec.deadline = DurationFromProto(proto->deadline());
  if (proto->has_seed()) spec.seed = proto->seed();
  spec.budget = BudgetFromProto(proto->budget());
  spec.follows = std::move(*proto->mutable_follows());
  spec.grades = std::move(*proto->mutable_grades());
  if (proto->has_graded()) spec.graded = GradedFromProto(proto->mutable_graded());
  return spec;
}

void SpecToProto(const JobSpec& spec, v1::JobSpec* proto) {
  proto->set_name(spec.name);
  proto->set_tenant(spec.tenant.value());
  for (const Message& message : spec.messages) MessageToProto(message, proto->add_messages());
  MoaToProto(spec.moa, proto->mutable_moa());
  ToolsToProto(spec, proto);
  if (spec.deadline) DurationToProto(*spec.deadline, proto->mutable_deadline());
  if (spec.seed) proto->set_seed(*spec.seed);
  if (spec.budget != Budget{}) BudgetToProto(spec.budget, proto->mutable_budget());
  proto->set_follows(spec.follows);
  proto->set_grades(spec.grades);
  if (spec.graded) GradedToProto(*spec.graded, proto->mutable_graded());
}

void CallToProto(const CallInput& input, const JobSpec& spec, v1::RunTask* proto) {
  proto->set_model(input.model);
  if (input.agent->grader) {
    const Text& definition = input.agent->grader->definition;
    proto->set_grader(definition.view().data(), definition.size());
    return;
  }
  v1::Agent* parameters = proto->mutable_parameters();
  SamplingToProto(*input.agent, parameters);
  if (input.seed) parameters->set_seed(*input.seed);
  if (input.format != nullptr) FormatToProto(*input.format, parameters->mutable_response_format());
  if (input.with_tools) ToolsToProto(spec, proto);
}

Completion CompletionFromProto(v1::Completion* proto) {
  Completion completion{.content = Text(std::move(*proto->mutable_content())),
                        .reasoning = Text(std::move(*proto->mutable_reasoning())),
                        .finish_reason = std::move(*proto->mutable_finish_reason()),
                        .usage = UsageFromProto(proto->usage()),
                        .time_info = {.queue_seconds = proto->time_info().queue_seconds(),
                                      .prompt_seconds = proto->time_info().prompt_seconds(),
                                      .completion_seconds = proto->time_info().completion_seconds(),
                                      .total_seconds = proto->time_info().total_seconds()},
                        .response_id = std::move(*proto->mutable_response_id()),
                        .response_model = std::move(*proto->mutable_response_model()),
                        .system_fingerprint = std::move(*proto->mutable_system_fingerprint()),
                        .service_tier_used = std::move(*proto->mutable_service_tier_used())};
  for (v1::ToolCall& call : *proto->mutable_tool_calls()) {
    completion.tool_calls.push_back(ToolCallFromProto(&call));
  }
  return completion;
}

void CompletionToProto(const Completion& completion, v1::Completion* proto) {
  SetBytes(completion.content, [&](auto... args) { proto->set_content(args...); });
  SetBytes(completion.reasoning, [&](auto... args) { proto->set_reasoning(args...); });
  for (const ToolCall& call : completion.tool_calls) ToolCallToProto(call, proto->add_tool_calls());
  proto->set_finish_reason(completion.finish_reason);
  UsageToProto(completion.usage, proto->mutable_usage());
  if (completion.time_info != TimeInfo{}) {
    v1::TimeInfo* time = proto->mutable_time_info();
    time->set_queue_seconds(completion.time_info.queue_seconds);
    time->set_prompt_seconds(completion.time_info.prompt_seconds);
    time->set_completion_seconds(completion.time_info.completion_seconds);
    time->set_total_seconds(completion.time_info.total_seconds);
  }
  proto->set_response_id(completion.response_id);
  proto->set_response_model(completion.response_model);
  proto->set_system_fingerprint(completion.system_fingerprint);
  proto->set_service_tier_used(completion.service_tier_used);
}

}  // namespace moa
