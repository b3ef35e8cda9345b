#include "tests/sim/job_shapes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace moa::sim {
namespace {

Agent RandomAgent(std::string name, Random& random) {
  Agent agent;
  agent.name = std::move(name);
  agent.model = Models()[random.Below(static_cast<uint32_t>(Models().size()))];
  agent.samples = 1;
  if (random.Percent(25)) agent.samples = random.Range(2, 3);
  if (random.Percent(30)) agent.seed = random.Below(1000);
  if (random.Percent(40)) agent.system_prompt = Text(absl::StrCat("You are ", agent.name, "."));
  if (random.Percent(30)) {
    agent.system_prompt = Text("Given {helper_response} and {} %s, and again {helper_response}!");
  }
  return agent;
}

void AddFallbacks(Agent* agent, Random& random) {
  for (const std::string& model : Models()) {
    if (model != agent->model && random.Percent(60)) agent->fallback_models.push_back(model);
  }
}

Agent RandomJudge(std::string name, Random& random) {
  Agent agent;
  agent.name = std::move(name);
  agent.model = Models()[random.Below(static_cast<uint32_t>(Models().size()))];
  return agent;
}

// `answers`: of a round, all agents together.
Critique RandomCritique(uint32_t answers, Random& random) {
  Critique critique;
  critique.scope = random.Percent(50) ? Critique::Scope::kEach : Critique::Scope::kAll;
  critique.verdict = random.Percent(50) ? Critique::Verdict::kAccept : Critique::Verdict::kScore;
  critique.keep = random.Range(0, answers);
  critique.accept_min = random.Range(0, answers);
  critique.rounds = random.Range(1, 3);
  critique.feedback = static_cast<Critique::Feedback>(random.Below(3));
  critique.may_end = critique.scope == Critique::Scope::kAll && random.Percent(30);
  critique.critics.push_back(RandomJudge("critic", random));
  if (random.Percent(30)) critique.critics.push_back(RandomJudge("second critic", random));
  if (critique.rounds > 1) critique.escalate.push_back({.max_completion_tokens = 4000});
  return critique;
}

// What layers do beside answering.
void AddFlows(MoaSpec* moa, Random& random) {
  for (Layer& layer : moa->layers) {
    uint32_t answers = 0;
    for (Agent& agent : layer.agents) {
      answers += agent.samples;
      agent.sees = static_cast<Sees>(random.Below(3));
    }
    const auto agents = static_cast<uint32_t>(layer.agents.size());
    // Whoever is picked gives an answer at least.
    uint32_t least = answers;
    if (random.Percent(30)) {
      layer.route = Route{.router = RandomJudge("router", random), .top = random.Range(1, agents)};
      least = layer.route->top;
    }
    if (layer.quorum) layer.quorum->min = std::min(layer.quorum->min, least);
    if (random.Percent(25)) {
      layer.enough = Enough{.answers = random.Range(1, least), .confidence = std::nullopt};
      if (random.Percent(50)) layer.enough->confidence = 0.5;
    }
    if (random.Percent(20) && least >= 2) {
      layer.early_exit = EarlyExit{.match = Match::kNumber, .min_agree = 2};
    }
    if (random.Percent(50)) {
      layer.critique = RandomCritique(answers, random);
    } else if (random.Percent(30)) {
      layer.vote = Vote{.match = Match::kNumber, .min_agree = random.Range(0, least)};
    }
  }
  moa->references.shuffle = random.Percent(30);
  if (random.Percent(30)) moa->references.drop_similar = 0.9;
  if (!moa->layers.empty() && random.Percent(25)) {
    moa->best_answer = true;
    moa->aggregator = Agent();
  }
}

// Mostly such that it holds some of the job's calls and not all of them.
Budget RandomBudget(const MoaSpec& moa, Random& random) {
  uint32_t calls = 1;
  for (const Layer& layer : moa.layers) {
    for (const Agent& agent : layer.agents) calls += agent.samples * layer.cycles;
  }
  Budget budget;
  if (random.Percent(40)) budget.max_upstream_calls = random.Range(1, calls * 3 / 2 + 1);
  if (random.Percent(60)) budget.max_total_tokens = random.Range(300, 300 + 900 * calls);
  if (random.Percent(30)) budget.max_cost_usd = 1e-6 * random.Range(300, 300 + 900 * calls);
  return budget;
}

}  // namespace

const ModelTable& Prices() {
  static const ModelTable* const prices = [] {
    auto* table = new ModelTable();
    uint32_t size = 1;
    for (const std::string& model : Models()) {
      table->Configure(model, {.context_tokens = size++ * 100'000,
                               .usd_per_million_prompt_tokens = 0.5,
                               .usd_per_million_completion_tokens = 1.5});
    }
    return table;
  }();
  return *prices;
}

const std::vector<std::string>& Models() {
  static const std::vector<std::string>* const models =
      new std::vector<std::string>{"alpha", "beta", "gamma"};
  return *models;
}

JobSpec RandomJob(uint32_t number, Random& random) {
  JobSpec spec;
  spec.name = absl::StrCat("job", number);
  spec.tenant = Tenant(absl::StrCat("tenant", random.Below(3)));
  if (random.Percent(30)) {
    spec.messages.push_back({.role = Role::kUser, .content = Text("An earlier question")});
    spec.messages.push_back({.role = Role::kAssistant, .content = Text("An earlier answer")});
  }
  spec.messages.push_back(
      {.role = Role::kUser, .content = Text(absl::StrCat("Question ", number, " {x}"))});
  const uint32_t layers = random.Percent(10) ? 0 : random.Range(1, 3);
  for (uint32_t i = 0; i < layers; ++i) {
    Layer& layer = spec.moa.layers.emplace_back();
    layer.cycles = random.Percent(25) ? 2 : 1;
    const uint32_t agents = random.Range(1, 3);
    for (uint32_t j = 0; j < agents; ++j) {
      layer.agents.push_back(RandomAgent(absl::StrCat("a", i, ".", j), random));
    }
  }
  spec.moa.aggregator = RandomAgent("aggregator", random);
  spec.moa.aggregator.samples = 1;
  for (Layer& layer : spec.moa.layers) {
    uint32_t answers = 0;
    for (Agent& agent : layer.agents) {
      answers += agent.samples;
      if (random.Percent(30)) AddFallbacks(&agent, random);
    }
    if (!random.Percent(25)) continue;
    layer.quorum = Quorum{.min = random.Range(1, answers)};
    if (random.Percent(60)) {
      layer.quorum->grace = random.Between(absl::ZeroDuration(), absl::Seconds(3));
    }
  }
  if (random.Percent(30)) AddFlows(&spec.moa, random);
  if (!spec.moa.best_answer && random.Percent(30)) AddFallbacks(&spec.moa.aggregator, random);
  if (random.Percent(30)) {
    for (Layer& layer : spec.moa.layers) {
      for (Agent& agent : layer.agents) agent.max_completion_tokens = random.Range(50, 300);
    }
    if (!spec.moa.best_answer) spec.moa.aggregator.max_completion_tokens = random.Range(50, 300);
    spec.budget = RandomBudget(spec.moa, random);
  }
  if (random.Percent(15)) spec.tools.push_back({.name = "f"});
  if (random.Percent(20)) spec.seed = random.Next();
  if (random.Percent(30)) {
    spec.deadline = random.Between(absl::Milliseconds(50), absl::Seconds(8));
  } else if (random.Percent(50)) {
    spec.deadline = random.Between(absl::Seconds(20), absl::Minutes(5));
  }
  return spec;
}

}  // namespace moa::sim
