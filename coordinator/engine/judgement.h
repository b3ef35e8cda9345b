#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "coordinator/engine/job_task.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/verdict.h"

namespace moa {

// What the critics and routers of a job have said, read from the results of their tasks. Pure functions; `tasks` are
// the plan's, in order.

bool HasAnswer(const JobTask& task);
// REQUIRES: HasAnswer(task). Valid as long as the result.
absl::string_view AnswerOf(const JobTask& task);
// The stage's tasks that have an answer.
std::vector<uint32_t> AnswersIn(const Plan& plan, const std::vector<JobTask>& tasks,
                                uint32_t stage);

// The stage in which a router picks the agents of `layer` (1-based), if the layer has one.
std::optional<uint32_t> RouteStage(const Plan& plan, uint32_t layer);
// The agents, by position, that run in the layer of route stage `stage`: the first `top` of them, and `*fell_back`, when
// the router has picked nobody.
std::vector<uint32_t> PicksOf(const Plan& plan, const std::vector<JobTask>& tasks, uint32_t stage,
                              bool* fell_back);

// What critics said of one answer.
struct Judgement {
  uint32_t task = 0;      // the answer's
  uint32_t verdicts = 0;  // readable ones
  uint32_t accepts = 0;
  double score = 0;  // their mean
  bool accepted = false;
  std::vector<std::pair<std::string, std::string>> feedback{};  // critic and words
};

// The verdicts of one critic's task that has succeeded, by the index of the answer's task.
std::vector<std::pair<uint32_t, Verdict>> VerdictsOf(const Plan& plan,
                                                     const std::vector<JobTask>& tasks,
                                                     uint32_t task);
// One for each answer that the critique stage `stage` was to judge, in plan order.
std::vector<Judgement> JudgementsOf(const Plan& plan, const std::vector<JobTask>& tasks,
                                    uint32_t stage);
// All judgements of a block up to its stage `last`.
std::vector<Judgement> BlockJudgements(const Plan& plan, const std::vector<JobTask>& tasks,
                                       uint32_t last);
// More than half of the critics that could be read say that no further layer is needed.
bool SayDone(const Plan& plan, const std::vector<JobTask>& tasks, uint32_t stage);

// Whether a reply to `task` is of use: critics and routers must say something that can be read.
bool IsReadable(const Plan& plan, const std::vector<JobTask>& tasks, uint32_t task,
                absl::string_view reply);

}  // namespace moa
