#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/retry_policy.h"
#include "coordinator/runtime/job_tracer.h"
#include "coordinator/scheduler/scheduling.h"

namespace moa {

// How a Coordinator runs; main makes it from flags and the configuration.
struct RuntimeOptions {
  uint64_t epoch = 1;  // JobStore::NextEpoch
  JobLimits limits = {};
  RetryPolicy retry = {};
  // Live jobs at most; further ones are refused with RESOURCE_EXHAUSTED. Prevents growth without end.
  uint64_t jobs_max = 10'000;
  // The same for the texts of live jobs.
  uint64_t text_bytes_max = 1u << 30;
  uint64_t watchers_max = 10'000;
  // A stored job taken up after a restart waits this long for the worker that may still hold its calls;
  // longer than the workers' longest reconnect pause (1 s), else finished calls are made again.
  absl::Duration adoption_grace = absl::Milliseconds(1500);
  // The same when a worker's stream breaks while the coordinator lives.
  absl::Duration reconnect_grace = absl::Milliseconds(500);
  // A worker none of whose calls has moved for so long is deaf; longer than the workers' --upstream-first-byte-timeout,
  // for which a call may well be silent.
  absl::Duration deaf_limit = absl::Seconds(90);
  SchedulerOptions scheduling;
  JobTracer* tracer = nullptr;  // borrowed; null: traces are passed on, not made
  // Ask workers to stream every reply, so that who begins to watch late sees the text so far.
  bool stream_always = true;
};

}  // namespace moa
