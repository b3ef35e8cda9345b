#include "coordinator/engine/retry_policy.h"

#include <gtest/gtest.h>

namespace moa {
namespace {

constexpr uint64_t kNoJitter = 0;
constexpr uint64_t kFullJitter = ~uint64_t{0};

FailedAttempt Server(uint32_t attempts) {
  return {.code = ErrorCode::kServerError, .retryable = true, .attempts = attempts};
}

TEST(RetryPolicyTest, BacksOffAsTheOfficialClientsDo) {
  RetryPolicy policy;
  policy.attempts_max = 100;
  const double seconds[] = {0.5, 1, 2, 4, 8, 8, 8};
  for (uint32_t n = 0; n < 7; ++n) {
    const absl::Duration most = DecideRetry(policy, Server(n + 1), kNoJitter).delay;
    const absl::Duration least = DecideRetry(policy, Server(n + 1), kFullJitter).delay;
    EXPECT_EQ(most, absl::Seconds(seconds[n]));
    EXPECT_NEAR(absl::ToDoubleSeconds(least), 0.75 * seconds[n], 1e-9);
  }
  EXPECT_EQ(DecideRetry(policy, Server(99), kNoJitter).delay, absl::Seconds(8));
}

TEST(RetryPolicyTest, ThreeAttemptsInAll) {
  EXPECT_TRUE(DecideRetry({}, Server(1), 0).retry);
  EXPECT_TRUE(DecideRetry({}, Server(2), 0).retry);
  EXPECT_FALSE(DecideRetry({}, Server(3), 0).retry);
}

TEST(RetryPolicyTest, TheProvidersDelayCountsWhenItIsBelievable) {
  const auto delay = [](absl::Duration retry_after) {
    FailedAttempt failed = Server(1);
    failed.retry_after = retry_after;
    return DecideRetry({}, failed, kNoJitter).delay;
  };
  EXPECT_EQ(delay(absl::Seconds(59)), absl::Seconds(59));
  EXPECT_EQ(delay(absl::Seconds(60)), absl::Seconds(60));
  EXPECT_EQ(delay(absl::Seconds(61)), absl::Milliseconds(500));
  EXPECT_EQ(delay(absl::ZeroDuration()), absl::Milliseconds(500));
  EXPECT_EQ(delay(-absl::Seconds(1)), absl::Milliseconds(500));
  EXPECT_EQ(delay(absl::InfiniteDuration()), absl::Milliseconds(500));
}

// One row for each error code: whether a first failure that the client calls retryable, and one
// that it calls final, is made again; and whether it ends the job.
TEST(RetryPolicyTest, EveryErrorHasItsClass) {
  struct Row {
    ErrorCode code;
    bool retried;
    bool retried_against_advice;
    bool fatal;
    bool refusal;
  };
  const Row rows[] = {
      {ErrorCode::kUnspecified, true, false, false, false},
      {ErrorCode::kInvalidRequest, true, false, false, false},
      {ErrorCode::kUnauthorized, false, false, true, false},
      {ErrorCode::kPaymentRequired, false, false, true, false},
      {ErrorCode::kModelNotFound, true, false, false, false},
      {ErrorCode::kContextLengthExceeded, true, false, false, false},
      {ErrorCode::kQuotaExceeded, true, true, false, true},
      {ErrorCode::kQueueExceeded, true, true, false, true},
      {ErrorCode::kServerError, true, false, false, false},
      {ErrorCode::kConnectionFailed, true, false, false, false},
      {ErrorCode::kUpstreamTimeout, true, false, false, false},
      {ErrorCode::kTruncated, true, false, false, false},
      {ErrorCode::kMalformedResponse, true, false, false, false},
      {ErrorCode::kWorkerLost, true, true, false, false},
      {ErrorCode::kDeadlineExceeded, true, false, false, false},
      {ErrorCode::kCancelled, true, false, false, false},
      {ErrorCode::kInternal, true, false, false, false},
      {ErrorCode::kBudgetExceeded, true, false, false, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(ErrorCodeName(row.code)));
    FailedAttempt failed{.code = row.code, .retryable = true};
    (IsRefusal(row.code) ? failed.refusals : failed.attempts) = 1;
    EXPECT_EQ(DecideRetry({}, failed, 0).retry, row.retried);
    failed.retryable = false;
    EXPECT_EQ(DecideRetry({}, failed, 0).retry, row.retried_against_advice);
    EXPECT_EQ(IsFatalToJob(row.code), row.fatal);
    EXPECT_EQ(IsRefusal(row.code), row.refusal);
  }
}

// The scheduler knows when the model takes calls again; here is only a bound against a defect.
TEST(RetryPolicyTest, RefusalsQueueAgainAtOnceWhateverTheProviderSaysAndHaveABoundOfTheirOwn) {
  for (const ErrorCode code : {ErrorCode::kQuotaExceeded, ErrorCode::kQueueExceeded}) {
    for (const bool retryable : {true, false}) {
      FailedAttempt failed{.code = code, .retryable = retryable, .attempts = 2};
      failed.retry_after = absl::Seconds(30);
      failed.refusals = 1000;
      EXPECT_EQ(DecideRetry({}, failed, 0), (RetryDecision{.retry = true, .delay = {}}));
      failed.refusals = 1001;
      EXPECT_FALSE(DecideRetry({}, failed, 0).retry);
    }
  }
}

TEST(RetryPolicyTest, WhatIsBeyondTheQuotaIsRefusedForEver) {
  FailedAttempt failed{.code = ErrorCode::kQuotaExceeded, .retryable = true, .refusals = 1};
  failed.beyond_quota = true;
  EXPECT_FALSE(DecideRetry({}, failed, 0).retry);
}

TEST(RetryPolicyTest, ALostWorkersAttemptIsRetriedAtOnceButBounded) {
  FailedAttempt failed{.code = ErrorCode::kWorkerLost, .worker_losses = 8};
  EXPECT_EQ(DecideRetry({}, failed, 0), (RetryDecision{.retry = true, .delay = {}}));
  failed.worker_losses = 9;
  EXPECT_FALSE(DecideRetry({}, failed, 0).retry);
}

}  // namespace
}  // namespace moa
