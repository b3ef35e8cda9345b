#include "coordinator/engine/plan.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace moa {
namespace {

void NormalizeAgent(Agent* agent) {
  if (agent->samples == 0) agent->samples = 1;
  if (!agent->max_completion_tokens.has_value()) {
    agent->max_completion_tokens = kCompletionTokensDefault;
  }
}

// Appends one stage that runs `agents` once.
void AddStage(const Agent* agents, size_t count, uint32_t layer, uint32_t round, Plan* plan) {
  const auto index = static_cast<uint32_t>(plan->stages.size());
  Stage stage{.layer = layer,
              .round = round,
              .first_task = static_cast<uint32_t>(plan->tasks.size()),
              .task_count = 0};
  for (size_t i = 0; i < count; ++i) {
    for (uint32_t sample = 0; sample < agents[i].samples; ++sample) {
      plan->tasks.push_back({.index = static_cast<uint32_t>(plan->tasks.size()),
                             .stage = index,
                             .sample = sample,
                             .agent = &agents[i]});
    }
  }
  stage.task_count = static_cast<uint32_t>(plan->tasks.size()) - stage.first_task;
  plan->stages.push_back(stage);
}

}  // namespace

JobSpec Normalize(JobSpec spec) {
  if (spec.tenant.empty()) spec.tenant = Tenant("default");
  for (Layer& layer : spec.moa.layers) {
    if (layer.cycles == 0) layer.cycles = 1;
    for (Agent& agent : layer.agents) NormalizeAgent(&agent);
  }
  if (spec.moa.aggregator.name.empty()) spec.moa.aggregator.name = "aggregator";
  NormalizeAgent(&spec.moa.aggregator);
  return spec;
}

std::shared_ptr<const Plan> Compile(JobSpec spec, const JobLimits& limits) {
  auto plan = std::make_shared<Plan>(Normalize(std::move(spec)));
  plan->deadline = plan->spec.deadline.value_or(limits.deadline_default);
  const MoaSpec& moa = plan->spec.moa;
  for (size_t i = 0; i < moa.layers.size(); ++i) {
    const Layer& layer = moa.layers[i];
    for (uint32_t round = 1; round <= layer.cycles; ++round) {
      AddStage(layer.agents.data(), layer.agents.size(), static_cast<uint32_t>(i) + 1, round,
               plan.get());
    }
  }
  AddStage(&moa.aggregator, 1, static_cast<uint32_t>(moa.layers.size()) + 1, 1, plan.get());
  return plan;
}

}  // namespace moa
