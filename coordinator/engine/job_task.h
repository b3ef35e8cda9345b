#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/model_table.h"
#include "coordinator/engine/retry_policy.h"
#include "coordinator/engine/types.h"

namespace moa {

// A task as its JobMachine sees it; changed by that alone.
struct JobTask {
  TaskState state = TaskState::kSkipped;  // until its stage starts
  AttemptRef current{};   // the attempt that is queued or running; attempt 0: waits for a retry
  uint32_t attempts = 0;  // dispatched so far, this owner's and earlier ones'
  uint32_t refusals = 0;  // attempts refused by the provider before processing
  uint32_t worker_losses = 0;  // attempts that ended with their worker
  uint32_t failures = 0;       // attempts that failed otherwise
  uint32_t last_attempt = 0;   // highest number used so far
  absl::Time ready_at{};
  absl::Time retry_at = absl::InfiniteFuture();
  absl::Time dispatched_at{};
  std::string worker{};  // of the current attempt
  Usage wasted{};
  Error last_error{};  // of the last attempt that failed
  // Attempts that ended by themselves, not with their worker: never to be adopted (epoch, attempt).
  std::vector<std::pair<uint64_t, uint32_t>> failed{};
  TaskResult result{};  // when finished or cancelled; until then only task and model are set
};

// How far the running stage of a job is.
struct StageProgress {
  uint32_t unfinished = 0;  // tasks
  uint32_t survivors = 0;   // tasks that succeeded
  uint32_t failed = 0;
  absl::Duration longest{};  // accepted run
};

// What a JobMachine needs from its owner.
struct JobOptions {
  uint64_t epoch = 1;  // of this owner; part of every attempt it makes
  RetryPolicy retry{};
  const ModelTable* models = nullptr;  // for cost; may be null; borrowed for the machine's life
};

}  // namespace moa
