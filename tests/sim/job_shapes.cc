#include "tests/sim/job_shapes.h"

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

}  // namespace

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
