#include "coordinator/engine/inspection.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/outcome.h"
#include "coordinator/engine/stage_inputs.h"

namespace moa {
namespace {

// Warnings of one job.
constexpr size_t kWarningsMax = 50;
// All texts of one inspection together: what fits a reply.
constexpr size_t kShownBytesMax = 3u << 20;
// What a grader says of an answer, at most.
constexpr uint64_t kGraderFeedbackTokens = 1000;

// A text that stands for an answer not known yet.
Text Placeholder(const PlannedTask& task) {
  return Text(
      absl::StrCat("‹the answer of ", task.agent->name,
                   task.agent->samples > 1 ? absl::StrCat(", sample ", task.sample + 1) : "",
                   ", at most ", task.agent->max_completion_tokens.value_or(0), " tokens›"));
}

std::vector<uint32_t> Range(const Stage& stage) {
  std::vector<uint32_t> tasks;
  for (uint32_t i = 0; i < stage.task_count; ++i) tasks.push_back(stage.first_task + i);
  return tasks;
}

// Those of the stage that run if as many as possible do, and the answers handed on if as many as possible are.
class Walk {
 public:
  explicit Walk(const Plan& plan) : plan_(plan) {}

  // What stage `index` is shown at most.
  StageMaterial MaterialAt(uint32_t index) const {
    const Stage& stage = plan_.stages[index];
    StageMaterial material;
    if (stage.kind == StageKind::kRoute) return material;
    if (stage.kind == StageKind::kCritique) {
      for (const uint32_t task : Running(index - 1)) {
        material.judged.emplace_back(task, Placeholder(plan_.tasks[task]));
      }
      return material;
    }
    for (const uint32_t task : HandedOnTo(stage.block)) {
      material.references.push_back({.content = Placeholder(plan_.tasks[task])});
    }
    if (stage.attempt > 1) AddFeedback(index, &material);
    return material;
  }

  // Tokens, at most, of what stands for placeholders in the prompt of `task`.
  uint64_t ShownTokens(uint32_t task) const {
    const PlannedTask& planned = plan_.tasks[task];
    const Stage& stage = plan_.stages[planned.stage];
    uint64_t tokens = 0;
    if (ShowsReferences(plan_, planned)) {
      const std::vector<uint32_t> authors = HandedOnTo(stage.block);
      const auto seen = SeenBy(planned, static_cast<uint32_t>(authors.size()));
      for (const uint32_t i : seen.value_or(std::vector<uint32_t>())) tokens += LimitOf(authors[i]);
    }
    if (stage.kind == StageKind::kCritique) {
      if (planned.judges) return LimitOf(*planned.judges);
      for (const uint32_t answer : Running(planned.stage - 1)) tokens += LimitOf(answer);
    } else if (stage.attempt > 1) {
      tokens += FeedbackTokens(task);
    }
    return tokens;
  }

  // A router's picks are not known: the dearest agents.
  std::vector<uint32_t> Running(uint32_t index) const {
    const Stage& stage = plan_.stages[index];
    std::vector<uint32_t> tasks = Range(stage);
    if (stage.kind != StageKind::kPropose) return tasks;
    const Layer& layer = plan_.LayerOf(stage);
    if (!layer.route) return tasks;
    std::vector<const Agent*> agents;
    for (const Agent& agent : layer.agents) agents.push_back(&agent);
    std::stable_sort(agents.begin(), agents.end(), [](const Agent* a, const Agent* b) {
      return a->samples * a->max_completion_tokens.value_or(0) >
             b->samples * b->max_completion_tokens.value_or(0);
    });
    agents.resize(std::min<size_t>(agents.size(), layer.route->top));
    std::vector<uint32_t> picked;
    for (const uint32_t task : tasks) {
      const bool runs = std::any_of(agents.begin(), agents.end(), [&](const Agent* agent) {
        return agent->name == plan_.tasks[task].agent->name;
      });
      if (runs) picked.push_back(task);
    }
    return picked;
  }

 private:
  uint64_t LimitOf(uint32_t task) const {
    return plan_.tasks[task].agent->max_completion_tokens.value_or(0);
  }

  uint64_t FeedbackTokens(uint32_t task) const {
    const Stage& stage = plan_.stages[plan_.tasks[task].stage];
    const Critique& critique = *plan_.LayerOf(stage).critique;
    if (critique.feedback == Critique::Feedback::kNone) return 0;
    uint64_t of_one = 0;  // critics' words on one answer
    for (const Agent& critic : critique.critics) {
      of_one += critic.grader ? kGraderFeedbackTokens : critic.max_completion_tokens.value_or(0);
    }
    const Stage& earlier = plan_.stages[plan_.tasks[task].stage - 2];
    if (critique.feedback == Critique::Feedback::kOwn) {
      return LimitOf(earlier.first_task + task - stage.first_task) + of_one;
    }
    uint64_t tokens = 0;
    for (const uint32_t answer : Range(earlier)) tokens += LimitOf(answer) + of_one;
    return tokens;
  }

  // The longest answers of the last round of the block before.
  std::vector<uint32_t> HandedOnTo(uint32_t block) const {
    std::optional<uint32_t> last;
    for (uint32_t s = 0; s < plan_.stages.size() && plan_.stages[s].block < block; ++s) {
      if (plan_.stages[s].kind == StageKind::kPropose) last = s;
    }
    if (!last) return {};
    std::vector<uint32_t> tasks = Running(*last);
    const Layer& layer = plan_.LayerOf(plan_.stages[*last]);
    size_t most = tasks.size();
    if (layer.vote) most = 1;
    if (layer.critique && layer.critique->keep > 0)
      most = std::min<size_t>(most, layer.critique->keep);
    tasks.resize(most);
    return tasks;
  }

  void AddFeedback(uint32_t index, StageMaterial* material) const {
    const Critique& critique = *plan_.LayerOf(plan_.stages[index]).critique;
    if (critique.feedback == Critique::Feedback::kNone) return;
    const uint32_t before = index - 2;  // the answers judged last
    const std::vector<uint32_t> own = Range(plan_.stages[index]);
    const std::vector<uint32_t> earlier = Range(plan_.stages[before]);
    for (size_t i = 0; i < own.size(); ++i) {
      JudgedAnswer judged{.content = Placeholder(plan_.tasks[earlier[i]])};
      for (const Agent& critic : critique.critics) {
        judged.feedback.emplace_back(critic.name, "‹what it says of this answer›");
      }
      const bool everybody = critique.feedback == Critique::Feedback::kAllAnswers;
      material->feedback[everybody ? StageMaterial::kEverybody : own[i]].push_back(
          std::move(judged));
    }
  }

  const Plan& plan_;
};

std::string WhatFollows(const Plan& plan, uint32_t index) {
  const Stage& stage = plan.stages[index];
  if (stage.kind == StageKind::kAggregate) {
    return plan.spec.moa.best_answer ? "the best answer handed on is the job's; no call is made"
                                     : "";
  }
  const Layer& layer = plan.LayerOf(stage);
  if (stage.kind == StageKind::kRoute)
    return absl::StrCat("the router picks at most ", layer.route->top, " agents");
  if (stage.kind == StageKind::kCritique) {
    const Critique& critique = *layer.critique;
    const bool more = plan.stages[index + 1].block == stage.block;
    return absl::StrCat(
        critique.keep > 0 ? absl::StrCat("at most ", critique.keep, " answers are handed on")
                          : "all accepted answers are handed on",
        more ? absl::StrCat("; another round unless ", critique.accept_min, " are accepted") : "",
        critique.may_end ? "; critics may end the discussion" : "");
  }
  std::string then;
  const auto add = [&](std::string text) {
    absl::StrAppend(&then, then.empty() ? "" : "; ", text);
  };
  if (layer.early_exit)
    add(absl::StrCat("the job ends when ", layer.early_exit->min_agree, " answers agree"));
  if (layer.enough) {
    add(absl::StrCat(layer.enough->answers, " answers",
                     layer.enough->confidence
                         ? absl::StrCat(" that state a confidence of ", *layer.enough->confidence)
                         : "",
                     " are enough"));
  }
  if (layer.vote) add("the answer that most agree with is handed on");
  if (layer.quorum) {
    add(absl::StrCat("goes on ", absl::FormatDuration(layer.quorum->grace), " after ",
                     layer.quorum->min, " have answered"));
  }
  return then;
}

// All that tells whether two stages are the same for people.
bool DoesTheSame(const InspectedStage& a, const InspectedStage& b) {
  if (a.kind != b.kind || a.layer != b.layer || a.agents.size() != b.agents.size()) return false;
  for (size_t i = 0; i < a.agents.size(); ++i) {
    const InspectedAgent& x = a.agents[i];
    const InspectedAgent& y = b.agents[i];
    if (x.agent != y.agent || x.messages != y.messages || x.calls != y.calls ||
        x.max_completion_tokens != y.max_completion_tokens) {
      return false;
    }
  }
  return true;
}

class Inspector {
 public:
  Inspector(const Plan& plan, const ModelTable& models, const TokenEstimator& estimator)
      : plan_(plan), models_(models), estimator_(estimator) {}

  Inspection Take() {
    for (uint32_t i = 0; i < plan_.stages.size(); ++i) {
      const Stage& stage = plan_.stages[i];
      if (!round_.empty() && (round_[0].layer != stage.layer || round_[0].round != stage.round)) {
        EndRound();
      }
      Visit(i);
    }
    EndRound();
    return std::move(result_);
  }

 private:
  void Visit(uint32_t index) {
    const Stage& stage = plan_.stages[index];
    InspectedStage out{.kind = stage.kind, .layer = stage.layer, .round = stage.round};
    out.then = WhatFollows(plan_, index);
    const bool no_call = stage.kind == StageKind::kAggregate && plan_.spec.moa.best_answer;
    if (!no_call) VisitTasks(index, &out);
    round_.push_back(std::move(out));
  }

  // Lists the stages of a round, or counts them where the round before does the same in all of them.
  void EndRound() {
    std::vector<InspectedStage>& listed = result_.stages;
    const auto before = listed.size() < round_.size()
                            ? listed.end()
                            : listed.end() - static_cast<std::ptrdiff_t>(round_.size());
    if (before != listed.end() && std::equal(before, listed.end(), round_.begin(), DoesTheSame)) {
      std::for_each(before, listed.end(), [](InspectedStage& stage) { ++stage.times; });
    } else {
      std::move(round_.begin(), round_.end(), std::back_inserter(listed));
    }
    round_.clear();
  }

  void VisitTasks(uint32_t index, InspectedStage* out) {
    const Walk walk(plan_);
    StageInputs inputs(nullptr, nullptr);
    inputs.Start(plan_, index, walk.MaterialAt(index));
    const std::vector<uint32_t> running = walk.Running(index);
    for (const uint32_t i : Range(plan_.stages[index])) {
      const PlannedTask& task = plan_.tasks[i];
      const bool is_new = out->agents.empty() || out->agents.back().agent != task.agent->name;
      const std::string& model = task.agent->model;
      if (is_new) {
        const CallInput call = inputs.Make(i, model, 0);
        fixed_ = estimator_.UpperBound(model, SizeOf(call, plan_.spec));
        Describe(task, call, &out->agents.emplace_back());
      }
      InspectedAgent& agent = out->agents.back();
      ++agent.calls;
      if (task.agent->grader) continue;  // asks no model
      const uint64_t prompt = FitPrompt(fixed_ + walk.ShownTokens(i), &agent);
      agent.prompt_tokens = std::max(agent.prompt_tokens, prompt);
      if (!std::binary_search(running.begin(), running.end(), i)) continue;
      ++result_.calls_max;
      result_.prompt_tokens_max += prompt;
      result_.completion_tokens_max += agent.max_completion_tokens;
      result_.cost_usd_max += models_.CostUsd(
          model, {.prompt_tokens = prompt, .completion_tokens = agent.max_completion_tokens});
    }
  }

  // What of `prompt` tokens is sent; notes it when they do not fit the model.
  uint64_t FitPrompt(uint64_t prompt, InspectedAgent* agent) const {
    if (agent->context_tokens == 0) return prompt;
    const uint64_t window = agent->context_tokens > agent->max_completion_tokens
                                ? agent->context_tokens - agent->max_completion_tokens
                                : 0;
    if (prompt <= window) return prompt;
    agent->fit =
        fixed_ > window
            ? absl::StrCat("without any answer of others the prompt takes up to ", fixed_,
                           " tokens already, more than the ", window,
                           " that the model leaves for it")
            : absl::StrCat("should the answers be as long as they may, they are cut from up to ",
                           prompt - fixed_, " to ", window - fixed_, " tokens to fit");
    return window;
  }

  void Describe(const PlannedTask& task, const CallInput& call, InspectedAgent* agent) {
    agent->agent = task.agent->name;
    agent->model = task.agent->model;
    agent->max_completion_tokens = task.agent->max_completion_tokens.value_or(0);
    const ModelInfo* info = models_.Find(task.agent->model);
    agent->context_tokens = info == nullptr ? 0 : info->context_tokens;
    agent->format = task.format;
    for (const PromptPart& part : call.prompt) {
      if (part.context == nullptr) {
        agent->messages.push_back(Shown(part.message));
        continue;
      }
      for (const Message& message : part.context->messages)
        agent->messages.push_back(Shown(message));
    }
  }

  // As much of the message as there is room for.
  Message Shown(Message message) {
    const size_t size = message.content.size();
    if (size > bytes_left_) {
      message.content = Text(absl::StrCat(Utf8Prefix(message.content.view(), bytes_left_),
                                          "\n[… of ", size, " bytes the rest is not shown …]"));
    }
    bytes_left_ -= std::min(bytes_left_, size);
    return message;
  }

  const Plan& plan_;
  const ModelTable& models_;
  const TokenEstimator& estimator_;
  Inspection result_;
  std::vector<InspectedStage> round_;  // being looked at, not yet listed
  uint64_t fixed_ = 0;                 // tokens of the agent's prompt with placeholders
  size_t bytes_left_ = kShownBytesMax;
};

}  // namespace

Inspection Inspect(const Plan& plan, const ModelTable& models, const TokenEstimator& estimator) {
  return Inspector(plan, models, estimator).Take();
}

std::vector<std::string> WarningsOf(const Plan& plan) {
  std::vector<std::string> warnings;
  const MoaSpec& moa = plan.spec.moa;
  const auto add = [&](std::string text) {
    if (warnings.size() < kWarningsMax) warnings.push_back(std::move(text));
  };
  using Placement = ReferenceRules::Placement;
  const auto look = [&](const std::string& path, const Agent& agent, bool has_references) {
    const bool asks = AsksForReferences(agent.system_prompt);
    if (has_references && moa.references.placement == Placement::kSystem && !asks &&
        agent.sees != Sees::kNone) {
      add(absl::StrCat(path, ".system_prompt: lacks ", kHelperResponseToken,
                       ", so with placement system this agent never sees an answer of the others"));
    }
    if (asks && moa.references.placement == Placement::kTrailing) {
      add(absl::StrCat(path, ".system_prompt: ", kHelperResponseToken,
                       " is sent as it stands: with placement trailing nothing replaces it"));
    }
  };
  for (size_t l = 0; l < moa.layers.size(); ++l) {
    const Layer& layer = moa.layers[l];
    for (size_t a = 0; a < layer.agents.size(); ++a) {
      look(absl::StrCat("moa.layers[", l, "].agents[", a, "]"), layer.agents[a],
           l > 0 || layer.cycles > 1);
    }
  }
  if (!moa.best_answer) look("moa.aggregator", moa.aggregator, !moa.layers.empty());
  return warnings;
}

std::vector<std::string> AliasWarnings(const MoaSpec& before, const ModelTable& models) {
  std::vector<std::string> warnings;
  std::map<std::string, std::string> told;  // by model asked for: where first
  const auto look = [&](const std::string& path, const std::string& model) {
    if (models.Canonical(model) != model) told.emplace(model, path);
  };
  const auto look_at = [&](const std::string& path, const Agent& agent) {
    look(path + ".model", agent.model);
    for (size_t i = 0; i < agent.fallback_models.size(); ++i) {
      look(absl::StrCat(path, ".fallback_models[", i, "]"), agent.fallback_models[i]);
    }
  };
  for (size_t l = 0; l < before.layers.size(); ++l) {
    const Layer& layer = before.layers[l];
    const std::string path = absl::StrCat("moa.layers[", l, "]");
    if (layer.route) look_at(path + ".route.router", layer.route->router);
    for (size_t a = 0; a < layer.agents.size(); ++a) {
      look_at(absl::StrCat(path, ".agents[", a, "]"), layer.agents[a]);
    }
    if (!layer.critique) continue;
    for (size_t c = 0; c < layer.critique->critics.size(); ++c) {
      look_at(absl::StrCat(path, ".critique.critics[", c, "]"), layer.critique->critics[c]);
    }
  }
  look_at("moa.aggregator", before.aggregator);
  for (const auto& [model, path] : told) {
    if (warnings.size() == kWarningsMax) break;
    warnings.push_back(absl::StrCat(path, ": ", model, " is an alias; ", models.Canonical(model),
                                    " answers in its place"));
  }
  return warnings;
}

}  // namespace moa
