#include "coordinator/engine/judgement.h"

#include <algorithm>
#include <numeric>

namespace moa {
namespace {

using Tasks = std::vector<JobTask>;

std::vector<std::string> NamesOf(const Layer& layer) {
  std::vector<std::string> names;
  for (const Agent& agent : layer.agents) names.push_back(agent.name);
  return names;
}

}  // namespace

bool HasAnswer(const JobTask& task) { return task.finished && task.state == TaskState::kSucceeded; }

absl::string_view AnswerOf(const JobTask& task) { return task.result.completion.content.view(); }

std::vector<uint32_t> AnswersIn(const Plan& plan, const Tasks& tasks, uint32_t stage) {
  std::vector<uint32_t> answers;
  const Stage& s = plan.stages[stage];
  for (uint32_t i = s.first_task; i < s.first_task + s.task_count; ++i) {
    if (HasAnswer(tasks[i])) answers.push_back(i);
  }
  return answers;
}

std::optional<uint32_t> RouteStage(const Plan& plan, uint32_t layer) {
  for (uint32_t i = 0; i < plan.stages.size(); ++i) {
    if (plan.stages[i].layer == layer) {
      return plan.stages[i].kind == StageKind::kRoute ? std::make_optional(i) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::vector<uint32_t> PicksOf(const Plan& plan, const Tasks& tasks, uint32_t stage,
                              bool* fell_back) {
  const Layer& layer = plan.LayerOf(plan.stages[stage]);
  const JobTask& router = tasks[plan.stages[stage].first_task];
  std::optional<std::vector<uint32_t>> picks;
  if (HasAnswer(router))
    picks = ReadRouterReply(AnswerOf(router), NamesOf(layer), layer.route->top);
  *fell_back = !picks || picks->empty();
  if (!*fell_back) return *picks;
  std::vector<uint32_t> first(std::min<size_t>(layer.route->top, layer.agents.size()));
  std::iota(first.begin(), first.end(), 0);
  return first;
}

std::vector<std::pair<uint32_t, Verdict>> VerdictsOf(const Plan& plan, const Tasks& tasks,
                                                     uint32_t task) {
  std::vector<std::pair<uint32_t, Verdict>> verdicts;
  const uint32_t stage = plan.tasks[task].stage;
  if (plan.stages[stage].kind != StageKind::kCritique || !HasAnswer(tasks[task])) return verdicts;
  std::vector<uint32_t> answers = AnswersIn(plan, tasks, stage - 1);
  if (plan.tasks[task].judges) answers = {*plan.tasks[task].judges};
  const auto reply = ReadCriticReply(AnswerOf(tasks[task]),
                                     *plan.LayerOf(plan.stages[stage]).critique, answers.size());
  if (!reply) return verdicts;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (reply->verdicts[i]) verdicts.emplace_back(answers[i], *reply->verdicts[i]);
  }
  return verdicts;
}

std::vector<Judgement> JudgementsOf(const Plan& plan, const Tasks& tasks, uint32_t index) {
  const Stage& stage = plan.stages[index];
  const Critique& critique = *plan.LayerOf(stage).critique;
  std::vector<Judgement> judged;
  for (const uint32_t answer : AnswersIn(plan, tasks, index - 1)) {
    judged.push_back({.task = answer});
  }
  for (const uint32_t critic : AnswersIn(plan, tasks, index)) {
    for (const auto& [answer, verdict] : VerdictsOf(plan, tasks, critic)) {
      const auto it = std::find_if(judged.begin(), judged.end(),
                                   [of = answer](const Judgement& one) { return one.task == of; });
      if (it == judged.end()) continue;
      ++it->verdicts;
      it->accepts += verdict.accept ? 1 : 0;
      it->score += verdict.score;
      it->feedback.emplace_back(plan.tasks[critic].agent->name, verdict.feedback);
    }
  }
  for (Judgement& one : judged) {
    if (one.verdicts == 0) continue;
    one.score /= one.verdicts;
    one.accepted = critique.verdict == Critique::Verdict::kAccept
                       ? 2 * one.accepts > one.verdicts
                       : one.score >= critique.accept_score.value_or(0);
  }
  return judged;
}

bool IsReadable(const Plan& plan, const Tasks& tasks, uint32_t index, absl::string_view reply) {
  const PlannedTask& task = plan.tasks[index];
  const Stage& stage = plan.stages[task.stage];
  switch (stage.kind) {
    case StageKind::kPropose:
    case StageKind::kAggregate:
      return true;
    case StageKind::kRoute: {
      const Layer& layer = plan.LayerOf(stage);
      return ReadRouterReply(reply, NamesOf(layer), layer.route->top).has_value();
    }
    case StageKind::kCritique: {
      const size_t answers = task.judges ? 1 : AnswersIn(plan, tasks, task.stage - 1).size();
      return ReadCriticReply(reply, *plan.LayerOf(stage).critique, answers).has_value();
    }
  }
  return false;
}

std::vector<Judgement> BlockJudgements(const Plan& plan, const Tasks& tasks, uint32_t last) {
  std::vector<Judgement> all;
  for (uint32_t s = last + 1; s-- > 0 && plan.stages[s].block == plan.stages[last].block;) {
    if (plan.stages[s].kind != StageKind::kCritique) continue;
    std::vector<Judgement> judged = JudgementsOf(plan, tasks, s);
    all.insert(all.begin(), judged.begin(), judged.end());
  }
  return all;
}

bool SayDone(const Plan& plan, const Tasks& tasks, uint32_t stage) {
  const Critique& critique = *plan.LayerOf(plan.stages[stage]).critique;
  if (!critique.may_end || plan.stages[stage].kind != StageKind::kCritique) return false;
  const size_t answers = AnswersIn(plan, tasks, stage - 1).size();
  uint32_t done = 0;
  uint32_t read = 0;
  for (const uint32_t task : AnswersIn(plan, tasks, stage)) {
    const auto reply = ReadCriticReply(AnswerOf(tasks[task]), critique, answers);
    if (!reply) continue;
    ++read;
    done += reply->done ? 1 : 0;
  }
  return 2 * done > read;
}

}  // namespace moa
