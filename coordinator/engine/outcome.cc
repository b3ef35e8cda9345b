#include "coordinator/engine/outcome.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/agreement.h"
#include "coordinator/engine/judgement.h"

namespace moa {
namespace {

using Tasks = std::vector<JobTask>;

std::vector<absl::string_view> TextsOf(const Tasks& tasks, const std::vector<uint32_t>& answers) {
  std::vector<absl::string_view> texts;
  texts.reserve(answers.size());
  for (const uint32_t task : answers) texts.push_back(AnswerOf(tasks[task]));
  return texts;
}

// A further round of an agent's sample: the tasks of the same slot in the block's earlier rounds, latest first.
std::vector<uint32_t> EarlierTries(const Plan& plan, uint32_t task) {
  std::vector<uint32_t> earlier;
  const Stage& own = plan.stages[plan.tasks[task].stage];
  const uint32_t slot = task - own.first_task;
  for (uint32_t s = plan.tasks[task].stage; s-- > 0;) {
    const Stage& stage = plan.stages[s];
    if (stage.block != own.block) break;
    if (stage.kind == StageKind::kPropose) earlier.push_back(stage.first_task + slot);
  }
  return earlier;
}

// The best first; of equals the earlier.
void SortByScore(std::vector<Judgement>* judged) {
  std::stable_sort(judged->begin(), judged->end(),
                   [](const Judgement& a, const Judgement& b) { return a.score > b.score; });
}

Outcome JudgedOutcome(const Plan& plan, const Tasks& tasks, uint32_t last,
                      std::vector<uint32_t> unjudged) {
  const Critique& critique = *plan.LayerOf(plan.stages[last]).critique;
  std::vector<Judgement> judged = BlockJudgements(plan, tasks, last);
  judged.erase(std::remove_if(judged.begin(), judged.end(),
                              [](const Judgement& one) { return one.verdicts == 0; }),
               judged.end());
  Outcome outcome;
  if (judged.empty()) {
    outcome.unmet = "no critic's verdict could be had, so the answers go on unjudged";
    if (critique.keep > 0 && unjudged.size() > critique.keep) unjudged.resize(critique.keep);
    outcome.answers = std::move(unjudged);
    if (!outcome.answers.empty()) outcome.best = outcome.answers.front();
    return outcome;
  }
  SortByScore(&judged);
  std::vector<Judgement> accepted;
  std::copy_if(judged.begin(), judged.end(), std::back_inserter(accepted),
               [](const Judgement& one) { return one.accepted; });
  size_t keep = critique.keep == 0 ? accepted.size() : critique.keep;
  if (accepted.empty()) {
    outcome.unmet = absl::StrCat("the critics accepted none of ", judged.size(),
                                 " answers, so the best of them go on");
    keep = std::max<size_t>(critique.keep, 1);
    accepted = std::move(judged);
  } else if (accepted.size() < critique.accept_min) {
    outcome.unmet = absl::StrCat("the critics accepted ", accepted.size(), " of ", judged.size(),
                                 " answers, ", critique.accept_min, " were wanted");
  }
  accepted.resize(std::min(keep, accepted.size()));
  outcome.best = accepted.front().task;
  for (const Judgement& one : accepted) outcome.answers.push_back(one.task);
  std::sort(outcome.answers.begin(), outcome.answers.end());
  outcome.is_done = SayDone(plan, tasks, last);
  return outcome;
}

}  // namespace

Outcome OutcomeOf(const Plan& plan, const Tasks& tasks, uint32_t last) {
  // The answers of the block's latest round that has any.
  uint32_t proposals = last;
  std::vector<uint32_t> answers;
  for (uint32_t s = last + 1; s-- > 0 && plan.stages[s].block == plan.stages[last].block;) {
    if (plan.stages[s].kind != StageKind::kPropose) continue;
    proposals = s;
    answers = AnswersIn(plan, tasks, s);
    if (!answers.empty()) break;
  }
  Outcome outcome;
  if (answers.empty()) return outcome;
  const Layer& layer = plan.LayerOf(plan.stages[proposals]);
  if (layer.early_exit) {
    const auto groups = GroupByAgreement(TextsOf(tasks, answers), layer.early_exit->match);
    if (!groups.empty() && groups[0].size() >= layer.early_exit->min_agree) {
      const uint32_t agreed = answers[groups[0].front()];
      return {
          .answers = {agreed}, .best = agreed, .is_answer = true, .is_done = false, .unmet = {}};
    }
  }
  if (layer.enough && layer.enough->confidence) {
    std::vector<uint32_t> good;
    for (const uint32_t task : answers) {
      if (StatedConfidence(AnswerOf(tasks[task])).value_or(-1) >= *layer.enough->confidence) {
        good.push_back(task);
      }
    }
    if (good.size() >= layer.enough->answers) answers = std::move(good);
  }
  if (layer.vote) {
    const auto groups = GroupByAgreement(TextsOf(tasks, answers), layer.vote->match);
    if (!groups.empty()) answers = {answers[groups[0].front()]};
  }
  if (layer.critique) return JudgedOutcome(plan, tasks, last, std::move(answers));
  outcome.best = answers.front();
  outcome.answers = std::move(answers);
  return outcome;
}

uint32_t StageAfter(const Plan& plan, const Tasks& tasks, uint32_t index) {
  const Stage& stage = plan.stages[index];
  const uint32_t aggregator = plan.aggregator_stage();
  if (stage.kind == StageKind::kRoute) return index + 1;
  const Outcome outcome = OutcomeOf(plan, tasks, index);
  if (outcome.answers.empty() || outcome.is_answer || outcome.is_done) return aggregator;
  const bool more = plan.stages[index + 1].block == stage.block;
  if (!more) return index + 1;
  if (stage.kind == StageKind::kPropose) {
    return AnswersIn(plan, tasks, index).empty() ? plan.NextBlock(index) : index + 1;
  }
  const std::vector<Judgement> judged = BlockJudgements(plan, tasks, index);
  const auto accepted = std::count_if(judged.begin(), judged.end(),
                                      [](const Judgement& one) { return one.accepted; });
  const bool any = std::any_of(judged.begin(), judged.end(),
                               [](const Judgement& one) { return one.verdicts > 0; });
  const bool satisfied = !any || accepted >= plan.LayerOf(stage).critique->accept_min;
  return satisfied ? plan.NextBlock(index) : index + 1;
}

std::string WhySuperfluous(const Plan& plan, const Tasks& tasks, uint32_t index) {
  const Stage& stage = plan.stages[index];
  if (stage.kind != StageKind::kPropose) return "";
  const Layer& layer = plan.LayerOf(stage);
  if (!layer.enough && !layer.vote && !layer.early_exit) return "";
  const std::vector<uint32_t> answers = AnswersIn(plan, tasks, index);
  const std::vector<absl::string_view> texts = TextsOf(tasks, answers);
  if (layer.early_exit) {
    const auto groups = GroupByAgreement(texts, layer.early_exit->match);
    if (!groups.empty() && groups[0].size() >= layer.early_exit->min_agree) {
      return absl::StrCat("not needed: ", groups[0].size(), " answers agree");
    }
  }
  if (layer.enough) {
    const auto good = std::count_if(texts.begin(), texts.end(), [&](absl::string_view text) {
      return !layer.enough->confidence ||
             StatedConfidence(text).value_or(-1) >= *layer.enough->confidence;
    });
    if (good >= layer.enough->answers) {
      return absl::StrCat("not needed: there are ", good, " good answers");
    }
  }
  if (!layer.vote) return "";
  uint32_t voters = 0;
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    voters += tasks[i].finished || tasks[i].state != TaskState::kSkipped ? 1 : 0;
  }
  const uint32_t wanted = layer.vote->min_agree > 0 ? layer.vote->min_agree : voters / 2 + 1;
  const auto groups = GroupByAgreement(texts, layer.vote->match);
  if (groups.empty() || groups[0].size() < wanted) return "";
  return absl::StrCat("not needed: ", groups[0].size(), " answers agree, which decides the vote");
}

std::vector<uint32_t> TasksToRun(const Plan& plan, const Tasks& tasks, uint32_t index,
                                 const Outcome& handed) {
  const Stage& stage = plan.stages[index];
  std::vector<uint32_t> run;
  const std::optional<uint32_t> route =
      stage.kind == StageKind::kPropose ? RouteStage(plan, stage.layer) : std::nullopt;
  std::vector<uint32_t> picks;
  bool fell_back = false;
  if (route) picks = PicksOf(plan, tasks, *route, &fell_back);
  std::vector<Judgement> judged;
  if (stage.attempt > 1 && stage.kind == StageKind::kPropose) {
    judged = BlockJudgements(plan, tasks, index - 1);
  }
  const auto was_accepted = [&](uint32_t task) {
    const std::vector<uint32_t> tries = EarlierTries(plan, task);
    return std::any_of(judged.begin(), judged.end(), [&](const Judgement& one) {
      return one.accepted && std::find(tries.begin(), tries.end(), one.task) != tries.end();
    });
  };
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const PlannedTask& task = plan.tasks[i];
    if (task.judges && !HasAnswer(tasks[*task.judges])) continue;
    if (route) {
      const std::vector<Agent>& agents = plan.LayerOf(stage).agents;
      const auto position = static_cast<uint32_t>(
          std::find_if(agents.begin(), agents.end(),
                       [&](const Agent& agent) { return agent.name == task.agent->name; }) -
          agents.begin());
      if (std::find(picks.begin(), picks.end(), position) == picks.end()) continue;
    }
    if (!judged.empty() && was_accepted(i)) continue;
    const auto references = static_cast<uint32_t>(handed.answers.size());
    if (stage.kind == StageKind::kPropose && !SeenBy(task, references)) continue;
    run.push_back(i);
  }
  return run;
}

StageMaterial MaterialOf(const Plan& plan, const Tasks& tasks, uint32_t index,
                         const Outcome& handed, uint64_t job_seed) {
  const Stage& stage = plan.stages[index];
  StageMaterial material;
  if (stage.kind == StageKind::kCritique) {
    for (const uint32_t task : AnswersIn(plan, tasks, index - 1)) {
      material.judged.emplace_back(task, tasks[task].result.completion.content);
    }
    return material;
  }
  if (stage.kind == StageKind::kRoute) return material;
  const ReferenceRules& rules = plan.spec.moa.references;
  std::vector<uint32_t> order = handed.answers;
  if (rules.shuffle) {
    // Fisher and Yates, from the recorded seed: another order in each stage, the same after a restart.
    for (size_t i = order.size(); i > 1; --i) {
      const uint64_t random = MixBits(job_seed ^ MixBits((uint64_t{index} << 32) | i));
      std::swap(order[i - 1], order[random % i]);
    }
  }
  if (rules.drop_similar) {
    std::vector<uint32_t> kept;
    for (const uint32_t i : WithoutSimilar(TextsOf(tasks, order), *rules.drop_similar)) {
      kept.push_back(order[i]);
    }
    order = std::move(kept);
  }
  for (const uint32_t task : order) {
    material.references.push_back({.content = tasks[task].result.completion.content});
  }
  if (stage.kind != StageKind::kPropose || stage.attempt == 1) return material;
  const Critique& critique = *plan.LayerOf(stage).critique;
  if (critique.feedback == Critique::Feedback::kNone) return material;
  const bool everybody = critique.feedback == Critique::Feedback::kAllAnswers;
  const std::vector<Judgement> judged =
      everybody ? JudgementsOf(plan, tasks, index - 1) : BlockJudgements(plan, tasks, index - 1);
  const auto as_judged = [&](const Judgement& one) {
    return JudgedAnswer{.content = tasks[one.task].result.completion.content,
                        .accepted = one.accepted,
                        .feedback = one.feedback};
  };
  if (everybody) {
    for (const Judgement& one : judged) {
      material.feedback[StageMaterial::kEverybody].push_back(as_judged(one));
    }
    return material;
  }
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    for (const uint32_t earlier : EarlierTries(plan, i)) {
      const auto one = std::find_if(judged.begin(), judged.end(),
                                    [&](const Judgement& j) { return j.task == earlier; });
      if (one == judged.end()) continue;
      material.feedback[i].push_back(as_judged(*one));
      break;
    }
  }
  return material;
}

}  // namespace moa
