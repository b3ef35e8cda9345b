#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/engine/types.h"

namespace moa {

// ------------------------------------------------------------------------------------------------
// Records: the job's durable history. A job's state is the fold of its records
// (JobMachine::Replay).

// A call that failed, for people.
struct FailedCall {
  std::string model{};
  std::string worker{};
  absl::Duration began{};  // from the task's being ready to its dispatch
  absl::Duration run{};    // until its failure was known
  Error error{};           // the message cut to kFailedAttemptMessageMax
  friend bool operator==(const FailedCall&, const FailedCall&) = default;
};
inline constexpr size_t kFailedAttemptMessageMax = 300;  // bytes
inline constexpr size_t kFailedAttemptsMax = 16;         // kept of a task: the newest

// Result of one task, as stored and as shown.
struct TaskResult {
  uint32_t task = 0;    // index in the plan
  std::string model{};  // the one that answered, or was asked last
  TaskState state = TaskState::kQueued;
  Completion completion{};  // when kSucceeded
  Error error{};            // when kFailed; the reason when kCancelled or kSkipped
  uint32_t attempts = 0;
  absl::Duration queue{};  // from ready to the dispatch of the last attempt
  absl::Duration run{};    // the last attempt
  absl::Duration ttft{};   // zero when the reply was not streamed
  std::string worker{};
  // Tokens of attempts that failed after the provider had counted them; not part of
  // completion.usage.
  Usage wasted{};
  bool hedged = false;               // a second attempt was made beside a slow one
  std::optional<double> cost_usd{};  // of all its calls; absent in records of earlier versions
  std::vector<FailedCall> failed_attempts{};  // oldest first; this owner's
  friend bool operator==(const TaskResult&, const TaskResult&) = default;
};

struct JobAccepted {
  uint64_t seed = 0;
  TraceHeaders trace{};
  friend bool operator==(const JobAccepted&, const JobAccepted&) = default;
};
struct LayerStarted {
  uint32_t stage = 0;                // index in the plan
  std::vector<uint32_t> tasks{};     // those that run; told to watchers, not read when replayed
  std::vector<std::string> notes{};  // for people: what was decided before
  friend bool operator==(const LayerStarted&, const LayerStarted&) = default;
};
struct TaskFinished {
  TaskResult result{};
  friend bool operator==(const TaskFinished&, const TaskFinished&) = default;
};
struct JobDegraded {
  uint32_t stage = 0;
  uint32_t survivors = 0;
  uint32_t failed = 0;
  std::string reason{};
  friend bool operator==(const JobDegraded&, const JobDegraded&) = default;
};
struct JobEnded {
  JobState state = JobState::kFailed;
  Error error{};  // when not kSucceeded
  absl::Duration latency{};
  absl::Duration critical_path{};
  JobUsage usage{};
  friend bool operator==(const JobEnded&, const JobEnded&) = default;
};

struct Record {
  uint64_t sequence = 0;  // 1, 2, 3, … without gaps
  absl::Time time{};
  std::variant<JobAccepted, LayerStarted, TaskFinished, JobDegraded, JobEnded> what{};
  friend bool operator==(const Record&, const Record&) = default;
};

// ------------------------------------------------------------------------------------------------
// Events: what happens to a job's attempts. Every one names its attempt; one that is neither the
// task's current attempt nor its hedge is stale: counted and dropped. So is an outcome before its
// dispatch, and everything after the job's end. The outcome of an attempt that was cancelled while
// the job goes on is taken for its tokens only.

// The scheduler gave the queued attempt to a worker.
struct AttemptDispatched {
  AttemptRef ref{};
  std::string worker{};
};
// A worker holds this attempt from before a reconnect or restart, and its input is the task's.
// Takes the place of the queued attempt, the first of several the place of all. Dropped as stale
// when the task has ended, when another attempt is running, and when this attempt's own failure was taken already (being lost with its
// worker does not count as that).
struct AttemptAdopted {
  AttemptRef ref{};  // possibly of an earlier epoch
  std::string worker{};
};
struct AttemptSucceeded {
  AttemptRef ref{};
  Completion completion{};
  absl::Duration run{};
  absl::Duration ttft{};
};
struct AttemptFailed {
  AttemptRef ref{};
  Error error{};
  bool retryable = false;
  std::optional<absl::Duration> retry_after{};
  Usage usage{};  // counted by the provider all the same
  // Of a refusal: the call needs more than its quota ever holds, so that waiting is of no use.
  bool beyond_quota = false;
};
// The running attempt `ref` is slow: a second one is to be tried beside it. Dropped as stale when
// it is not the task's current one or has a hedge, and when the job's budget does not hold another
// call.
struct HedgeRequested {
  AttemptRef ref{};
};
// No call of the queued attempt's model will be made until `until`. A task that has a further model
// moves on to it if that is long; else nothing changes. A queued hedge is given up.
struct ModelClosed {
  AttemptRef ref{};
  absl::Time until{};
};
// Somebody wants the job to end.
struct CancelRequested {
  std::string reason{};
};

using Event = std::variant<AttemptDispatched, AttemptAdopted, AttemptSucceeded, AttemptFailed,
                           HedgeRequested, ModelClosed, CancelRequested>;

// ------------------------------------------------------------------------------------------------
// Commands: what the runtime is to do, in order.

// Ready to run: give it to a worker when the scheduler says so. After a refusal it is ready at once:
// the scheduler knows when the model takes calls again.
struct EnqueueAttempt {
  AttemptRef ref{};
  std::string model{};
  uint32_t stages_left = 0;  // this one included: nearly finished jobs go first
  // An earlier attempt of the task failed for another reason than a refusal or a lost worker: it
  // counts against the cluster's retries. Never set on a hedge.
  bool retry = false;
  bool hedge = false;  // beside the task's running attempt
};
// Not wanted any more and not dispatched: take it out of the queue.
struct DequeueAttempt {
  AttemptRef ref{};
};
// Not wanted any more and running: close its call.
struct CancelAttempt {
  AttemptRef ref{};
};
// Store this record (they are emitted in sequence) and show it to watchers. After a JobEnded there
// is no further command.
struct AppendRecord {
  Record record{};
};

using Command = std::variant<EnqueueAttempt, DequeueAttempt, CancelAttempt, AppendRecord>;
using Commands = std::vector<Command>;

}  // namespace moa
