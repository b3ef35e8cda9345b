#include "coordinator/engine/retry_policy.h"

#include <algorithm>

namespace moa {
namespace {

// `n`: retries already made. Less up to a quarter, so that calls that failed together do not come
// back together.
absl::Duration Backoff(const RetryPolicy& policy, uint32_t n, uint64_t random) {
  const double factor = static_cast<double>(uint64_t{1} << std::min<uint32_t>(n, 30));
  const absl::Duration whole = std::min(policy.backoff_first * factor, policy.backoff_max);
  const double uniform = static_cast<double>(random >> 11) * 0x1.0p-53;
  return whole * (1.0 - 0.25 * uniform);
}

bool Believable(const RetryPolicy& policy, const std::optional<absl::Duration>& retry_after) {
  return retry_after.has_value() && *retry_after > absl::ZeroDuration() &&
         *retry_after <= policy.retry_after_max;
}

}  // namespace

bool IsRefusal(ErrorCode code) {
  return code == ErrorCode::kQuotaExceeded || code == ErrorCode::kQueueExceeded;
}

bool IsFatalToJob(ErrorCode code) {
  return code == ErrorCode::kUnauthorized || code == ErrorCode::kPaymentRequired;
}

bool IsPassing(ErrorCode code) {
  return code >= ErrorCode::kQuotaExceeded && code <= ErrorCode::kWorkerLost;
}

RetryDecision DecideRetry(const RetryPolicy& policy, const FailedAttempt& failed, uint64_t random) {
  if (IsFatalToJob(failed.code)) return {};
  if (failed.code == ErrorCode::kWorkerLost) {
    return {.retry = failed.worker_losses <= policy.worker_losses_max, .delay = {}};
  }
  if (IsRefusal(failed.code)) {
    if (failed.beyond_quota) return {};
    return {.retry = failed.refusals <= policy.refusals_max, .delay = {}};
  }
  if (!failed.retryable || failed.attempts >= policy.attempts_max) return {};
  if (Believable(policy, failed.retry_after)) {
    return {.retry = true, .delay = *failed.retry_after};
  }
  const uint32_t made = std::max(failed.attempts, uint32_t{1});
  return {.retry = true, .delay = Backoff(policy, made - 1, random)};
}

}  // namespace moa
