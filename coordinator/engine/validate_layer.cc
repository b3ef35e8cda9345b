#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "coordinator/engine/prompt.h"
#include "coordinator/engine/validation.h"
#include "coordinator/engine/verdict.h"

namespace moa {
namespace {

constexpr double kScoreMax = 10;

// Validates the MoA, counting the tasks on the way.
class MoaCheck {
 public:
  MoaCheck(const ModelTable& models, const JobLimits& limits, Violations* violations)
      : limits_(limits), violations_(*violations), agents_(models, violations) {}

  uint64_t Visit(const MoaSpec& moa) {
    VisitReferences(moa.references);
    if (moa.layers.size() > limits_.layers_max) {
      Add("moa.layers", TooMany(moa.layers.size(), "layers", limits_.layers_max, "layers_max"));
    } else {
      for (size_t i = 0; i < moa.layers.size(); ++i) {
        VisitLayer(absl::StrCat("moa.layers[", i, "]"), moa.layers[i]);
      }
    }
    VisitAggregator(moa);
    tasks_ += 1;
    if (tasks_ > limits_.tasks_max) {
      Add("moa", absl::StrCat("makes ", tasks_,
                              " tasks (agents times samples times cycles, critics "
                              "and routers in all rounds, and the aggregator); at most ",
                              limits_.tasks_max, " are allowed (tasks_max)"));
    }
    return agents_.bytes() + moa.references.wrapper.size();
  }

 private:
  void Add(std::string field, std::string description) {
    violations_.Add(std::move(field), std::move(description));
  }

  void VisitReferences(const ReferenceRules& rules) {
    if (rules.drop_similar && !(*rules.drop_similar > 0 && *rules.drop_similar <= 1)) {
      Add("moa.references.drop_similar",
          absl::StrCat("is ", *rules.drop_similar, "; must be above 0 and at most 1"));
    }
    if (!rules.wrapper.empty() &&
        rules.wrapper.view().find(kResponsesToken) == absl::string_view::npos) {
      Add("moa.references.template",
          absl::StrCat("lacks ", kResponsesToken, ", the place where the answers go"));
    }
  }

  void VisitAggregator(const MoaSpec& moa) {
    const std::string path = "moa.aggregator";
    if (moa.best_answer) {
      if (!moa.aggregator.model.empty() || !moa.aggregator.system_prompt.empty()) {
        Add(path,
            "is given, but the best answer is the job's: give one of aggregator and answer: best");
      }
      if (moa.layers.empty()) Add("moa.answer", "is best, but there are no layers that answer");
      return;
    }
    if (moa.aggregator.samples > 1) {
      Add(path + ".samples", absl::StrCat("is ", moa.aggregator.samples,
                                          "; the aggregator answers once: leave it out or say 1"));
    }
    if (!moa.aggregator.name.empty()) agents_.VisitName(path, moa.aggregator);
    agents_.Visit(path, moa.aggregator);
    if (!moa.layers.empty()) agents_.RefuseGrader(path, moa.aggregator);
    if (moa.aggregator.sees != Sees::kAll) {
      Add(path + ".sees", "is not all; the aggregator sees all answers");
    }
  }

  void VisitLayer(const std::string& path, const Layer& layer) {
    if (layer.agents.empty()) {
      Add(absl::StrCat(path, ".agents"),
          layer.critique
              ? "is empty; critics need agents whose answers they judge"
              : "is empty; a layer needs an agent (for a plain call leave out the layers)");
    }
    if (layer.agents.size() > limits_.agents_per_layer_max) {
      Add(absl::StrCat(path, ".agents"),
          TooMany(layer.agents.size(), "agents", limits_.agents_per_layer_max,
                  "agents_per_layer_max"));
      return;
    }
    names_.clear();
    uint64_t answers = 0;
    std::vector<uint64_t> samples;
    for (size_t i = 0; i < layer.agents.size(); ++i) {
      const Agent& agent = layer.agents[i];
      const std::string at = absl::StrCat(path, ".agents[", i, "]");
      VisitNamed(at, agent);
      agents_.RefuseGrader(at, agent);
      if (agent.samples > limits_.samples_max) {
        Add(at + ".samples", absl::StrCat("is ", agent.samples, "; at most ", limits_.samples_max,
                                          " are allowed (samples_max)"));
        continue;
      }
      samples.push_back(std::max(agent.samples, uint32_t{1}));
      answers += samples.back();
    }
    const uint32_t cycles = std::max(layer.cycles, uint32_t{1});
    if (cycles > limits_.cycles_max) {
      Add(absl::StrCat(path, ".cycles"),
          absl::StrCat("is ", cycles, "; at most ", limits_.cycles_max,
                       " are allowed (cycles_max)"));
      return;
    }
    if (layer.route) {
      VisitRoute(absl::StrCat(path, ".route"), layer);
      tasks_ += 1;
      // At most so many answer.
      std::sort(samples.rbegin(), samples.rend());
      answers = 0;
      for (size_t i = 0; i < std::min<size_t>(samples.size(), layer.route->top); ++i) {
        answers += samples[i];
      }
    }
    uint64_t of_a_round = 0;
    for (const uint64_t count : samples) of_a_round += count;
    VisitQuorum(absl::StrCat(path, ".quorum"), layer, answers);
    VisitEarlyEnds(path, layer, answers);
    uint64_t rounds = 1;
    if (layer.critique) {
      VisitCritique(absl::StrCat(path, ".critique"), *layer.critique, of_a_round);
      rounds = std::clamp<uint64_t>(layer.critique->rounds, 1, limits_.rounds_max);
      of_a_round += layer.critique->critics.size() *
                    (layer.critique->scope == Critique::Scope::kEach ? of_a_round : 1);
    }
    tasks_ += of_a_round * rounds * cycles;
  }

  void VisitNamed(const std::string& path, const Agent& agent) {
    agents_.VisitName(path, agent);
    if (!agent.name.empty() && !names_.insert(agent.name).second) {
      Add(path + ".name",
          absl::StrCat("repeats ", Quoted(agent.name), "; names must be unique within a layer"));
    }
    agents_.Visit(path, agent);
  }

  // A critic or a router: the form of its reply and how often it replies are the system's.
  void VisitJudge(const std::string& path, const Agent& agent) {
    if (agent.samples > 1) {
      Add(path + ".samples",
          absl::StrCat("is ", agent.samples, "; critics and routers reply once: list several"));
    }
    if (agent.response_format) {
      Add(path + ".response_format", "is given; the form of verdicts and choices is the system's");
    }
    if (agent.sees != Sees::kAll) Add(path + ".sees", "is given; it is for agents that answer");
  }

  void VisitRoute(const std::string& path, const Layer& layer) {
    const Route& route = *layer.route;
    if (route.router.name.empty()) {
      agents_.Visit(path + ".router", route.router);
    } else {
      VisitNamed(path + ".router", route.router);
    }
    VisitJudge(path + ".router", route.router);
    agents_.RefuseGrader(path + ".router", route.router);
    if (route.top < 1 || route.top > layer.agents.size()) {
      Add(path + ".top", absl::StrCat("is ", route.top, "; must be from 1 to ", layer.agents.size(),
                                      ", the agents of the layer"));
    }
    std::vector<std::string> names;
    for (const Agent& agent : layer.agents) names.push_back(agent.name);
    const std::string mistake = SchemaMistake(RouterFormat(names).schema.view(), true);
    if (!mistake.empty()) {
      Add(path, absl::StrCat("has too many agents, or too long names, to choose from: ", mistake));
    }
  }

  void VisitCritique(const std::string& path, const Critique& critique, uint64_t answers) {
    if (critique.critics.empty()) Add(path + ".critics", "is empty; name a critic");
    if (critique.critics.size() > limits_.critics_max) {
      Add(path + ".critics",
          TooMany(critique.critics.size(), "critics", limits_.critics_max, "critics_max"));
      return;
    }
    for (size_t i = 0; i < critique.critics.size(); ++i) {
      const std::string at = absl::StrCat(path, ".critics[", i, "]");
      VisitNamed(at, critique.critics[i]);
      VisitJudge(at, critique.critics[i]);
      if (critique.critics[i].grader && critique.scope != Critique::Scope::kEach) {
        Add(at + ".grader",
            "is given with scope all; a grader grades each answer: say scope: each");
      }
    }
    if (critique.rounds > limits_.rounds_max) {
      Add(path + ".rounds", absl::StrCat("is ", critique.rounds, "; at most ", limits_.rounds_max,
                                         " are allowed (rounds_max)"));
    }
    if (critique.keep > answers) VisitCount(path + ".keep", critique.keep, answers);
    if (critique.accept_min > answers)
      VisitCount(path + ".accept_min", critique.accept_min, answers);
    if (critique.accept_score && critique.verdict != Critique::Verdict::kScore) {
      Add(path + ".accept_score", "is given, but the verdict is accept: say verdict: score");
    }
    if (critique.accept_score &&
        !(*critique.accept_score >= 0 && *critique.accept_score <= kScoreMax)) {
      Add(path + ".accept_score",
          absl::StrCat("is ", *critique.accept_score, "; must be from 0 to 10"));
    }
    if (critique.may_end && critique.scope != Critique::Scope::kAll) {
      Add(path + ".may_end", "is given, but each critic sees one answer only: say scope: all");
    }
    VisitEscalation(path, critique);
  }

  void VisitEscalation(const std::string& path, const Critique& critique) {
    if (critique.escalate.size() >= std::max(critique.rounds, uint32_t{1}) &&
        !critique.escalate.empty()) {
      Add(path + ".escalate", absl::StrCat("has ", critique.escalate.size(), " entries for ",
                                           std::max(critique.rounds, uint32_t{1}),
                                           " rounds; the first round has none"));
    }
    for (size_t i = 0; i < critique.escalate.size() && i < limits_.rounds_max; ++i) {
      const Escalation& step = critique.escalate[i];
      const std::string at = absl::StrCat(path, ".escalate[", i, "]");
      const std::string& effort = step.reasoning_effort;
      if (!effort.empty() && effort != "none" && effort != "low" && effort != "medium" &&
          effort != "high") {
        Add(at + ".reasoning_effort",
            absl::StrCat("is ", Quoted(effort), "; must be none, low, medium or high"));
      }
      if (step.temperature && !(*step.temperature >= 0 && *step.temperature <= 2)) {
        Add(at + ".temperature", absl::StrCat("is ", *step.temperature, "; must be from 0 to 2"));
      }
      if (step.max_completion_tokens == 0)
        Add(at + ".max_completion_tokens", "is 0; must be at least 1");
    }
  }

  void VisitCount(std::string field, uint64_t count, uint64_t answers) {
    Add(std::move(field), absl::StrCat("is ", count, "; must be at most ", answers,
                                       ", the answers of a round (agents times samples)"));
  }

  void VisitEarlyEnds(const std::string& path, const Layer& layer, uint64_t answers) {
    const auto range = [&](const std::string& field, uint64_t value, uint64_t least) {
      if (value >= least && value <= answers) return;
      Add(path + field, absl::StrCat("is ", value, "; must be from ", least, " to ", answers,
                                     ", the answers of a round (agents times samples)"));
    };
    if (layer.enough) {
      range(".enough.answers", layer.enough->answers, 1);
      const auto& confidence = layer.enough->confidence;
      if (confidence && !(*confidence >= 0 && *confidence <= 1)) {
        Add(path + ".enough.confidence", absl::StrCat("is ", *confidence, "; must be from 0 to 1"));
      }
    }
    if (layer.vote && layer.vote->min_agree > 0) range(".vote.min_agree", layer.vote->min_agree, 1);
    if (layer.early_exit) range(".early_exit.min_agree", layer.early_exit->min_agree, 2);
    if (layer.vote && layer.critique) {
      Add(path + ".vote", "is given together with critique: answers are picked by one of them");
    }
  }

  void VisitQuorum(const std::string& path, const Layer& layer, uint64_t tasks) {
    if (!layer.quorum.has_value()) return;
    const auto [min, grace] = *layer.quorum;
    if (min < 1 || min > tasks) {
      Add(absl::StrCat(path, ".min"),
          absl::StrCat("is ", min, "; must be from 1 to ", tasks,
                       ", the answers of a round (agents times samples)"));
    }
    if (grace < absl::ZeroDuration() || grace > limits_.deadline_max) {
      Add(absl::StrCat(path, ".grace"),
          absl::StrCat("is ", absl::FormatDuration(grace), "; must be from 0 to ",
                       absl::FormatDuration(limits_.deadline_max)));
    }
  }

  const JobLimits& limits_;
  Violations& violations_;
  AgentCheck agents_;
  absl::flat_hash_set<std::string> names_;  // of the layer being looked at
  uint64_t tasks_ = 0;
};

}  // namespace

std::string TooMany(uint64_t count, absl::string_view what, uint64_t limit,
                    absl::string_view limit_name) {
  return absl::StrCat("has ", count, " ", what, "; at most ", limit, " are allowed (", limit_name,
                      ")");
}

uint64_t ValidateMoa(const MoaSpec& moa, const ModelTable& models, const JobLimits& limits,
                     Violations* violations) {
  return MoaCheck(models, limits, violations).Visit(moa);
}

}  // namespace moa
