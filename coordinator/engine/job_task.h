#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/job_budget.h"
#include "coordinator/engine/model_table.h"
#include "coordinator/engine/retry_policy.h"
#include "coordinator/engine/token_estimator.h"
#include "coordinator/engine/types.h"

namespace moa {

// A second attempt beside a task's running one. When that one fails, this takes its place.
struct TaskHedge {
  AttemptRef ref{};      // attempt 0: there is none
  bool running = false;  // or queued
  absl::Time dispatched_at{};
  std::string worker{};
  Spend reserved{};
};

// A task as its JobMachine sees it; changed by that alone.
struct JobTask {
  TaskState state = TaskState::kSkipped;  // until its stage starts; while open: of `current`
  bool finished = false;                  // its result is on record
  AttemptRef current{};   // the attempt that is queued or running; attempt 0: waits for a retry
  TaskHedge hedge{};      // only beside a running one
  uint32_t model = 0;     // number of the agent's model in use (ModelAt)
  uint32_t attempts = 0;  // dispatched so far, this owner's and earlier ones'
  uint32_t refusals = 0;  // attempts refused by the provider before processing
  uint32_t refusals_in_a_row = 0;  // on this model
  uint32_t worker_losses = 0;      // attempts that ended with their worker
  uint32_t failures = 0;           // attempts on this model that failed otherwise
  bool retrying = false;           // one failed otherwise, on whatever model
  bool hedged = false;             // a hedge was dispatched
  uint32_t last_attempt = 0;       // highest number used so far
  absl::Time ready_at{};
  absl::Time retry_at = absl::InfiniteFuture();
  absl::Time dispatched_at{};
  std::string worker{};  // of the current attempt
  Spend reserved{};      // what the current attempt may use; only in a job with a budget
  Usage wasted{};
  double wasted_cost_usd = 0;
  Error last_error{};  // of the last attempt that failed
  std::vector<FailedCall> failed_attempts{};
  // Attempts that ended by themselves, not with their worker: never to be adopted (epoch, attempt).
  std::vector<std::pair<uint64_t, uint32_t>> failed{};
  // Attempts that were lost with their worker, and what they may have used; as `reserved`.
  std::vector<std::pair<AttemptRef, Spend>> lost{};
  TaskResult result{};  // when finished or cancelled; until then only task and model are set
};

// How far the running stage of a job is.
struct StageProgress {
  uint32_t unfinished = 0;   // tasks
  uint32_t survivors = 0;    // tasks that succeeded
  uint32_t lost = 0;         // tasks that finished otherwise
  absl::Duration longest{};  // accepted run
};

// A duration as it is stored and shown: whole microseconds, never negative.
inline absl::Duration Measured(absl::Duration duration) {
  return absl::Trunc(std::max(duration, absl::ZeroDuration()), absl::Microseconds(1));
}

// What a JobMachine needs from its owner.
struct JobOptions {
  uint64_t epoch = 1;  // of this owner; part of every attempt it makes
  RetryPolicy retry{};
  // Both may be null, and are borrowed for the machine's life.
  const ModelTable* models = nullptr;         // for prices and context sizes
  const TokenEstimator* estimator = nullptr;  // for budgets; null: the rule of thumb
};

}  // namespace moa
