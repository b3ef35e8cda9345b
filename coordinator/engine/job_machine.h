#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/prompt.h"
#include "coordinator/engine/retry_policy.h"
#include "coordinator/engine/types.h"

namespace moa {

// Runs one job: events in, ordered commands out. No clock, no threads, no I/O: whoever holds it says what
// time it is and carries the commands out.
//
// A job's life is its records. A new job is one whose history is a single JobAccepted; a job taken up after
// a crash has more. Both go the same way:
//
//   JobMachine machine(id, plan, {.epoch = 7});
//   for (const Record& record : history) MOA_RETURN_IF_ERROR(machine.Replay(record));
//   machine.Resume(now, &commands);
//   …
//   machine.Apply(AttemptSucceeded{…}, now, &commands);
//   machine.Advance(now, &commands);          // when NextDeadline() has come
//
// Owner: the runtime. Externally synchronised (the coordinator's loop).
// Invariants (CheckInvariants): stages run one after another; a task has at most one current attempt; a
// record is emitted once and in sequence; after JobEnded nothing is queued, running or emitted.
class JobMachine {
 public:
  struct Options {
    uint64_t epoch = 1;          // of this owner; part of every attempt it makes
    RetryPolicy retry;
    const ModelTable* models = nullptr;  // for cost; may be null; borrowed for the machine's life
  };

  struct Task {
    TaskState state = TaskState::kSkipped;  // until its stage starts
    AttemptRef current;          // the attempt that is queued or running; attempt 0: waits for a retry
    uint32_t attempts = 0;       // dispatched so far, this owner's and earlier ones'
    uint32_t refusals = 0;       // attempts refused by the provider before processing
    absl::Time ready_at;
    absl::Time retry_at = absl::InfiniteFuture();
    absl::Time dispatched_at;
    std::string worker;          // of the current attempt
    Usage wasted;
    TaskResult result;           // when finished
  };

  JobMachine(JobId id, std::shared_ptr<const Plan> plan, const Options& options);

  // Takes one record of the job's history, in sequence. Errors: DATA_LOSS when it does not fit what came
  // before (a gap, an unknown task); the job cannot be run.
  // REQUIRES: Resume has not been called.
  absl::Status Replay(const Record& record);

  // Starts, or goes on from the last record. Emits nothing when the job has ended.
  // REQUIRES: at least one record was replayed.
  void Resume(absl::Time now, Commands* commands);

  // REQUIRES: Resume was called. Stale events change nothing but stale_events().
  void Apply(const Event& event, absl::Time now, Commands* commands);

  // When Advance has work to do next (the deadline, a retry), or InfiniteFuture.
  absl::Time NextDeadline() const;
  void Advance(absl::Time now, Commands* commands);

  // What the current attempt of `task` is to send. REQUIRES: the task's stage has started.
  CallInput Input(uint32_t task) const;

  const JobId& id() const { return id_; }
  const Plan& plan() const { return *plan_; }
  JobState state() const { return state_; }
  bool ended() const { return IsTerminal(state_); }
  bool degraded() const { return !degradations_.empty(); }
  const std::vector<JobDegraded>& degradations() const { return degradations_; }
  const std::optional<JobEnded>& end() const { return end_; }
  absl::Time accepted_at() const { return accepted_at_; }
  absl::Time ended_at() const { return ended_at_; }
  uint64_t seed() const { return seed_; }
  uint64_t last_sequence() const { return last_sequence_; }
  // Stages started so far; the running one is the last of them.
  uint32_t stages_started() const { return stages_started_; }
  const Task& task(uint32_t index) const { return tasks_[index]; }
  // Sums so far.
  JobUsage usage() const;
  absl::Duration critical_path() const;
  uint64_t stale_events() const { return stale_events_; }

  // Aborts when an invariant does not hold. For tests and simulations: linear in the plan.
  void CheckInvariants() const;
};

}  // namespace moa
