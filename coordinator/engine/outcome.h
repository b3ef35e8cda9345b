#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/engine/job_task.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/stage_inputs.h"

namespace moa {

// What the results of a job's tasks decide: which tasks a stage needs, when a layer has enough, and what it hands on.
// All of it follows from plan and results alone, so that a restart decides the same. Pure functions; `tasks` are the
// plan's, in order.

// What a block of stages hands on.
struct Outcome {
  std::vector<uint32_t> answers{};  // tasks, in plan order; empty: nobody answered
  std::optional<uint32_t> best{};   // of them
  bool is_answer = false;  // the best is the job's answer, nothing else runs (an early exit)
  bool is_done = false;    // critics said that no further layer is needed
  std::string
      unmet{};  // for people: what was asked for and did not come about; "" when all is well
};
// The outcome of the block that `last` belongs to, its last stage that ran.
Outcome OutcomeOf(const Plan& plan, const std::vector<JobTask>& tasks, uint32_t last);

// After `stage`, which has no unfinished task, the stage that is next if nothing stands in the way, the aggregator's
// where the outcome says so. REQUIRES: `stage` is not the aggregator's.
uint32_t StageAfter(const Plan& plan, const std::vector<JobTask>& tasks, uint32_t stage);

// Whether the answers that are there make the stage's unfinished tasks superfluous (enough, vote, early exit), and
// why, for people; "" when they do not.
std::string WhySuperfluous(const Plan& plan, const std::vector<JobTask>& tasks, uint32_t stage);

// Which of the stage's tasks are to run: the router's picks, those whose answers were not accepted before, critics of
// answers that there are, those that a reference is left for. `handed` is what the block before hands on.
std::vector<uint32_t> TasksToRun(const Plan& plan, const std::vector<JobTask>& tasks,
                                 uint32_t stage, const Outcome& handed);

// What the stage's tasks are shown.
StageMaterial MaterialOf(const Plan& plan, const std::vector<JobTask>& tasks, uint32_t stage,
                         const Outcome& handed, uint64_t job_seed);

}  // namespace moa
