#include "coordinator/engine/plan.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "coordinator/engine/verdict.h"

namespace moa {
namespace {

void NormalizeAgent(Agent* agent) {
  if (agent->samples == 0) agent->samples = 1;
  if (agent->grader) {
    agent->model = std::string(kGraderModel);
    return;
  }
  if (!agent->max_completion_tokens.has_value()) {
    agent->max_completion_tokens = kCompletionTokensDefault;
  }
  if (agent->response_format && agent->response_format->type == ResponseFormat::Type::kText) {
    agent->response_format.reset();
  }
}

void NormalizeLayer(Layer* layer) {
  if (layer->cycles == 0) layer->cycles = 1;
  for (Agent& agent : layer->agents) NormalizeAgent(&agent);
  if (layer->route) {
    if (layer->route->router.name.empty()) layer->route->router.name = "router";
    NormalizeAgent(&layer->route->router);
  }
  if (!layer->critique) return;
  Critique& critique = *layer->critique;
  for (Agent& critic : critique.critics) NormalizeAgent(&critic);
  critique.rounds = std::max(critique.rounds, uint32_t{1});
  critique.accept_min = std::max(critique.accept_min, uint32_t{1});
}

// The agent as it is in attempt `attempt` of a block.
const Agent* AgentIn(const Agent& agent, const Layer& layer, uint32_t attempt, Plan* plan) {
  if (attempt == 1 || !layer.critique || layer.critique->escalate.empty()) return &agent;
  const std::vector<Escalation>& steps = layer.critique->escalate;
  const Escalation& step = steps[std::min<size_t>(attempt - 2, steps.size() - 1)];
  Agent& escalated = plan->escalated.emplace_back(agent);
  if (step.max_completion_tokens) escalated.max_completion_tokens = step.max_completion_tokens;
  if (!step.reasoning_effort.empty()) escalated.reasoning_effort = step.reasoning_effort;
  if (step.temperature) escalated.temperature = step.temperature;
  return &escalated;
}

// Builds a plan stage by stage.
class Unroller {
 public:
  explicit Unroller(Plan* plan) : plan_(*plan) {}

  void AddLayer(const Layer& layer, uint32_t number) {
    const ResponseFormat* verdicts = nullptr;
    if (layer.critique) verdicts = &plan_.formats.emplace_back(CriticFormat(*layer.critique));
    const uint32_t attempts = layer.critique ? layer.critique->rounds : 1;
    uint32_t round = 0;
    for (uint32_t cycle = 1; cycle <= layer.cycles; ++cycle, ++block_) {
      if (cycle == 1 && layer.route) AddRouter(layer, number);
      for (uint32_t attempt = 1; attempt <= attempts; ++attempt) {
        ++round;
        const uint32_t first =
            AddAgents(layer, {.layer = number, .round = round, .attempt = attempt});
        if (!layer.critique) continue;
        AddCritics(
            *layer.critique, verdicts, first,
            {.kind = StageKind::kCritique, .layer = number, .round = round, .attempt = attempt});
      }
    }
  }

  void AddAggregator(const Agent& aggregator, uint32_t number) {
    Begin({.kind = StageKind::kAggregate, .layer = number, .round = 1, .attempt = 1});
    AddTask(aggregator, 0, nullptr);
  }

 private:
  void Begin(Stage stage) {
    stage.block = block_;
    stage.first_task = static_cast<uint32_t>(plan_.tasks.size());
    plan_.stages.push_back(stage);
  }

  PlannedTask& AddTask(const Agent& agent, uint32_t sample, const ResponseFormat* format) {
    if (format == nullptr && agent.response_format) format = &*agent.response_format;
    ++plan_.stages.back().task_count;
    return plan_.tasks.emplace_back(
        PlannedTask{.index = static_cast<uint32_t>(plan_.tasks.size()),
                    .stage = static_cast<uint32_t>(plan_.stages.size()) - 1,
                    .sample = sample,
                    .agent = &agent,
                    .judges = {},
                    .format = format});
  }

  void AddRouter(const Layer& layer, uint32_t number) {
    Begin({.kind = StageKind::kRoute, .layer = number, .round = 1, .attempt = 1});
    std::vector<std::string> names;
    for (const Agent& agent : layer.agents) names.push_back(agent.name);
    AddTask(layer.route->router, 0, &plan_.formats.emplace_back(RouterFormat(names)));
  }

  uint32_t AddAgents(const Layer& layer, const Stage& stage) {
    Begin(stage);
    for (const Agent& agent : layer.agents) {
      const Agent* now = AgentIn(agent, layer, stage.attempt, &plan_);
      for (uint32_t sample = 0; sample < agent.samples; ++sample) AddTask(*now, sample, nullptr);
    }
    return plan_.stages.back().first_task;
  }

  // Judging the answers of the stage before, whose first task is `first`.
  void AddCritics(const Critique& critique, const ResponseFormat* format, uint32_t first,
                  const Stage& stage) {
    const auto end = static_cast<uint32_t>(plan_.tasks.size());
    Begin(stage);
    for (const Agent& critic : critique.critics) {
      // What a grader says has its own form.
      const ResponseFormat* asked = critic.grader ? nullptr : format;
      if (critique.scope == Critique::Scope::kAll) {
        AddTask(critic, 0, asked);
        continue;
      }
      for (uint32_t answer = first; answer < end; ++answer) {
        AddTask(critic, answer - first, asked).judges = answer;
      }
    }
  }

  Plan& plan_;
  uint32_t block_ = 0;
};

}  // namespace

uint32_t Plan::NextBlock(uint32_t stage) const {
  uint32_t next = stage + 1;
  while (next < aggregator_stage() && stages[next].block == stages[stage].block) ++next;
  return next;
}

JobSpec Normalize(JobSpec spec) {
  if (spec.tenant.empty()) spec.tenant = Tenant("default");
  for (Layer& layer : spec.moa.layers) NormalizeLayer(&layer);
  if (spec.moa.aggregator.name.empty()) {
    spec.moa.aggregator.name = spec.moa.best_answer ? "best answer" : "aggregator";
  }
  NormalizeAgent(&spec.moa.aggregator);
  return spec;
}

std::shared_ptr<const Plan> Compile(JobSpec spec, const JobLimits& limits) {
  auto plan = std::make_shared<Plan>(Normalize(std::move(spec)));
  plan->deadline = plan->spec.deadline.value_or(limits.deadline_default);
  const MoaSpec& moa = plan->spec.moa;
  Unroller unroller(plan.get());
  for (size_t i = 0; i < moa.layers.size(); ++i) {
    unroller.AddLayer(moa.layers[i], static_cast<uint32_t>(i) + 1);
  }
  unroller.AddAggregator(moa.aggregator, static_cast<uint32_t>(moa.layers.size()) + 1);
  return plan;
}

}  // namespace moa
