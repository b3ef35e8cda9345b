#include "tests/client/tuner/synthetic.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/tuner/random.h"
#include "common/base/check.h"

namespace moa {
namespace {

v1::Agent* AddAgent(v1::Layer* layer, const std::string& name, const std::string& model) {
  v1::Agent* agent = layer->add_agents();
  agent->set_name(name);
  agent->set_model(model);
  agent->set_system_prompt("You are " + name + ".");
  return agent;
}

// A bell of height 1.
double Bell(double value, double center, double width) {
  const double z = (value - center) / width;
  return std::exp(-0.5 * z * z);
}

double Temperature(const v1::Agent& agent) {
  return agent.has_temperature() ? agent.temperature() : 1;
}

const v1::Agent* Find(const v1::Moa& moa, const std::string& name) {
  for (const v1::Layer& layer : moa.layers()) {
    for (const v1::Agent& agent : layer.agents()) {
      if (agent.name() == name) return &agent;
    }
  }
  return nullptr;
}

Objective Common(const std::string& name, int agents, int models) {
  Objective objective;
  objective.name = name;
  v1::Layer* layer = objective.base.add_layers();
  for (int i = 0; i < agents; ++i) {
    AddAgent(layer, std::string(1, static_cast<char>('a' + i)), "m0");
  }
  objective.base.mutable_aggregator()->set_model("m0");
  for (int i = 0; i < models; ++i) objective.space.offered.push_back({"m" + std::to_string(i)});
  objective.space.prompts = false;
  return objective;
}

int ModelOf(const v1::Agent& agent) { return agent.model()[1] - '0'; }

}  // namespace

Objective Additive() {
  Objective objective = Common("additive", 4, 4);
  objective.worth = [](const v1::Moa& moa) {
    double sum = 0;
    const double best_temperature[] = {0.2, 0.7, 1.2};
    for (int i = 0; i < 3; ++i) {
      const v1::Agent* agent = Find(moa, std::string(1, static_cast<char>('a' + i)));
      if (agent == nullptr) continue;
      sum += 0.08;
      sum += 0.08 * Bell(Temperature(*agent), best_temperature[i], 0.3);
      sum += ModelOf(*agent) == i + 1 ? 0.08 : 0;
    }
    if (Find(moa, "d") == nullptr) sum += 0.1;  // it only distracts
    sum += moa.layers(0).cycles() == 2 ? 0.06 : 0;
    sum += ModelOf(moa.aggregator()) == 2 ? 0.07 : 0;
    sum += 0.05 * Bell(Temperature(moa.aggregator()), 0.1, 0.3);
    return sum;
  };
  return objective;
}

Objective Interacting() {
  Objective objective = Common("interacting", 3, 3);
  objective.worth = [](const v1::Moa& moa) {
    const double wanted[] = {1.3, 0.3, 0.8};  // by model
    const double height[] = {0.5, 0.75, 1};
    double best = 0;
    double sum = 0;
    for (const v1::Agent& agent : moa.layers(0).agents()) {
      const int model = ModelOf(agent);
      const double worth = height[model] * Bell(Temperature(agent), wanted[model], 0.25);
      best = std::max(best, worth);
      sum += worth;
    }
    const double mean = sum / moa.layers(0).agents_size();
    const v1::Agent& last = moa.aggregator();
    const int model = ModelOf(last);
    const double merging = height[2 - model] * Bell(Temperature(last), wanted[2 - model], 0.4);
    return 0.45 * best + 0.25 * mean + 0.3 * merging;
  };
  return objective;
}

Objective Needles() {
  Objective objective = Common("needles", 4, 6);
  objective.space.agents = false;
  objective.space.cycles = false;
  objective.worth = [](const v1::Moa& moa) {
    const int wanted[] = {3, 1, 5, 2};
    double sum = ModelOf(moa.aggregator()) == 4 ? 0.2 : 0;
    for (int i = 0; i < 4; ++i) sum += ModelOf(moa.layers(0).agents(i)) == wanted[i] ? 0.2 : 0;
    return sum;
  };
  return objective;
}

std::vector<Objective> Objectives() { return {Additive(), Interacting(), Needles()}; }

constexpr const char* kWords[] = {"empty", "zero", "missing"};

Objective Prompted() {
  Objective objective = Common("prompted", 2, 2);
  objective.space.prompts = true;
  objective.worth = [](const v1::Moa& moa) {
    double sum = 0.2 * Bell(Temperature(moa.aggregator()), 0.3, 0.4);
    sum += ModelOf(moa.aggregator()) == 1 ? 0.1 : 0;
    sum += Find(moa, "b") != nullptr ? 0.1 : 0;
    for (const char* word : kWords) {
      sum += absl::StrContains(moa.aggregator().system_prompt(), word) ? 0.2 : 0;
    }
    return sum;
  };
  return objective;
}

std::string AddFailedWords(const ReflectionRequest& request) {
  std::string words;
  std::vector<std::string> agents;
  for (const absl::string_view line : absl::StrSplit(request.user, '\n')) {
    if (absl::StartsWith(line, "agent: ")) agents.emplace_back(line.substr(7));
    if (!absl::StartsWith(line, "check: ")) continue;
    absl::StrAppend(&words, " Mind ", line.substr(7, line.find(' ', 7) - 7), ".");
  }
  std::string edits;
  for (const std::string& agent : agents) {
    absl::StrAppend(&edits, edits.empty() ? "" : ",", R"({"agent":")", agent,
                    R"(","system_prompt":"You merge.)", words, R"("})");
  }
  return absl::StrCat(R"(Here: {"edits":[)", edits, "]}");
}

TrialResult RunTrial(const Objective& objective, const Trial& trial, uint64_t noise_seed) {
  Random random(noise_seed, trial.number);
  TrialResult result;
  result.trial = trial.number;
  result.max = kMax;
  const double share = objective.worth(trial.moa) + objective.noise * random.Normal();
  result.score = std::clamp(share, 0.0, 1.0) * kMax;
  uint64_t calls = 1;
  for (const v1::Layer& layer : trial.moa.layers()) {
    calls += static_cast<uint64_t>(layer.agents_size()) * std::max(1u, layer.cycles());
  }
  result.tokens = 1000 * calls;
  result.cost_usd = 0.001 * static_cast<double>(calls);
  result.latency_ms = 100;
  if (objective.name != "prompted") return result;
  for (const char* word : kWords) {
    const bool has = absl::StrContains(trial.moa.aggregator().system_prompt(), word);
    result.checks.push_back({word, has ? 24.0 : 0.0, 24, has ? "handled" : "it was not handled"});
  }
  return result;
}

StudyOptions OptionsFor(const Objective& objective, uint64_t seed, uint64_t trials,
                        uint32_t parallel) {
  StudyOptions options;
  options.base = objective.base;
  options.grader = objective.name;
  options.space = objective.space;
  options.seed = seed;
  options.trials = trials;
  options.parallel = parallel;
  options.reflect_every = 0;
  return options;
}

std::vector<std::string> RunToEnd(Study& study, const Objective& objective, uint64_t noise_seed,
                                  const Rewriter& rewriter) {
  std::vector<std::string> lines;
  const auto take = [&] {
    for (std::string& line : study.TakeLines()) lines.push_back(std::move(line));
  };
  for (Step step = study.Next(); !std::holds_alternative<Ended>(step); step = study.Next()) {
    take();
    if (const auto* rewriting = std::get_if<Rewriting>(&step)) {
      for (const ReflectionRequest& request : rewriting->requests) {
        ReflectionReply reply{.number = request.number, .tokens = 500, .cost_usd = 0.001};
        reply.text = rewriter(request);
        MOA_CHECK(study.RecordReply(reply).ok());
      }
      take();
      continue;
    }
    for (const Trial& trial : std::get<Batch>(step).trials) {
      MOA_CHECK(study.Record(RunTrial(objective, trial, noise_seed)).ok());
    }
    take();
  }
  take();
  return lines;
}

}  // namespace moa
