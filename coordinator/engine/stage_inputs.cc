#include "coordinator/engine/stage_inputs.h"

namespace moa {

void StageInputs::Start(const Plan& plan, uint32_t index,
                        const std::vector<Reference>& references) {
  if (conversation_.messages.empty()) conversation_.messages = plan.spec.messages;
  references_.id = index + 1;
  references_.messages.clear();
  list_ = Text();
  if (references.empty()) return;
  bool in_place = false;
  bool trailing = false;
  const Stage& stage = plan.stages[index];
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    if (plan.tasks[i].sample > 0) continue;
    (AsksForReferences(plan.tasks[i].agent->system_prompt) ? in_place : trailing) = true;
  }
  if (in_place) list_ = RenderReferenceList(references);
  if (trailing) {
    references_.messages.push_back(
        {.role = Role::kUser, .content = RenderReferencesMessage(references)});
  }
}

void StageInputs::Clear() { *this = StageInputs(); }

CallInput StageInputs::Make(const Plan& plan, uint32_t task, uint64_t job_seed) const {
  const Agent& agent = *plan.tasks[task].agent;
  CallInput input;
  input.model = agent.model;
  input.agent = &agent;
  input.seed = SeedToSend(plan, plan.tasks[task], job_seed);
  input.with_tools = task == plan.aggregator_task() && !plan.spec.tools.empty();
  const bool in_place = AsksForReferences(agent.system_prompt);
  const Text system =
      in_place ? SubstituteReferences(agent.system_prompt, list_) : agent.system_prompt;
  input.prompt.reserve(3);
  if (!system.empty()) {
    input.prompt.push_back({.message = {.role = Role::kSystem, .content = system}});
  }
  input.prompt.push_back({.message = {}, .context = &conversation_});
  if (!in_place && !references_.messages.empty()) {
    input.prompt.push_back({.message = {}, .context = &references_});
  }
  return input;
}

std::optional<uint64_t> SeedToSend(const Plan& plan, const PlannedTask& task, uint64_t job_seed) {
  const Agent& agent = *task.agent;
  if (agent.seed.has_value()) return *agent.seed + task.sample;
  if (agent.samples <= 1 && !plan.spec.seed.has_value()) return std::nullopt;
  // The agent's first task in the stage stands for it; 31 bits fit every JSON reader's integers.
  const uint64_t first = MixBits(job_seed ^ MixBits(task.index - task.sample)) >> 33;
  return first + task.sample;
}

// The finaliser of splitmix64.
uint64_t MixBits(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace moa
