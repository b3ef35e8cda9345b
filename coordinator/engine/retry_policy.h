#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "coordinator/engine/types.h"

namespace moa {

// When a failed attempt is made again. The rules are those of the provider's official clients
// (CEREBRAS_API section 1): two retries, the provider's own delay where it gives one, else
// min(0.5 s · 2^n, 8 s) less up to a quarter, n being the retries already made. Refusals are no
// failures of the task: it queues again at once, and the scheduler holds it until the model takes
// calls again.
struct RetryPolicy {
  uint32_t attempts_max =
      3;  // upstream calls for a task, first one included; prevents a retry storm
  // A refusal before processing (rate limit, busy provider) costs nothing and so uses up no
  // attempt: the deadline bounds them. Prevents a defect elsewhere from making calls without end.
  uint32_t refusals_max = 1000;
  // A lost worker is not the task's fault and uses up no attempt either; prevents a task that takes
  // every worker down with it.
  uint32_t worker_losses_max = 8;
  absl::Duration backoff_first = absl::Milliseconds(500);
  absl::Duration backoff_max = absl::Seconds(8);
  // A longer Retry-After than this is not believed and the backoff used instead.
  absl::Duration retry_after_max = absl::Seconds(60);
};

struct RetryDecision {
  bool retry = false;
  absl::Duration delay{};  // at least so long from now; zero unless `retry`
  friend bool operator==(const RetryDecision&, const RetryDecision&) = default;
};

struct FailedAttempt {
  ErrorCode code = ErrorCode::kUnspecified;
  bool retryable = false;  // as the upstream client classified it
  std::optional<absl::Duration> retry_after{};
  uint32_t attempts = 0;       // made so far that are neither of the next two, this one included
  uint32_t refusals = 0;       // refused so far, this one included
  uint32_t worker_losses = 0;  // lost with their workers so far, this one included
  bool beyond_quota = false;   // refused, and will be for ever
};

// True for errors that say that the provider refused before doing any work.
bool IsRefusal(ErrorCode code);
// True for errors that every other call of the job would meet too (a wrong key, an unpaid account):
// the job ends at once instead of trying its other agents.
bool IsFatalToJob(ErrorCode code);
// The provider, the network or a worker failed; the call itself was in order.
bool IsPassing(ErrorCode code);

// `random` is uniform over all 64-bit values. A lost worker (kWorkerLost) is retried at once. So is
// a refusal, even if the provider said not to (`retryable` false): its clients give up there, and a
// job of many calls would then rarely end well on a busy day.
RetryDecision DecideRetry(const RetryPolicy& policy, const FailedAttempt& failed, uint64_t random);

}  // namespace moa
