#include "coordinator/scheduler/latency_model.h"

#include <gtest/gtest.h>

#include "coordinator/scheduler/retry_budget.h"

namespace moa {
namespace {

TEST(LatencyModelTest, TellsNothingFromAFewReplies) {
  LatencyModel model;
  for (int i = 0; i < 29; ++i) model.Observe(absl::Milliseconds(100), 100);
  EXPECT_EQ(model.SlowAfter(), absl::InfiniteDuration());
}

TEST(LatencyModelTest, ACallIsSlowAtTwiceTheUsualPace) {
  LatencyModel model;
  for (int i = 0; i < 100; ++i) model.Observe(absl::Milliseconds(130), 100);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(model.SlowAfter()), 260, 0.01);
}

// A long reply at the usual pace is no straggler.
TEST(LatencyModelTest, LongRepliesRaiseTheBar) {
  LatencyModel model;
  for (uint64_t i = 0; i < 400; ++i) {
    const uint64_t tokens = 40 + i % 200;
    model.Observe(absl::Milliseconds(tokens + 30), tokens);
  }
  EXPECT_GT(model.SlowAfter(), absl::Milliseconds(260));
  EXPECT_LT(model.SlowAfter(), absl::Milliseconds(400));
}

TEST(LatencyModelTest, WhereSlowCallsAreCommonTheyAreNotSlow) {
  LatencyModel model;
  for (int i = 0; i < 400; ++i) {
    model.Observe(absl::Milliseconds(i % 10 == 0 ? 1300 : 130), 100);
  }
  EXPECT_GT(model.SlowAfter(), absl::Milliseconds(1200));
}

TEST(LatencyModelTest, FollowsAProviderThatBecomesSlower) {
  LatencyModel model;
  for (int i = 0; i < 400; ++i) model.Observe(absl::Milliseconds(130), 100);
  for (int i = 0; i < 400; ++i) model.Observe(absl::Milliseconds(520), 100);
  EXPECT_GT(model.SlowAfter(), absl::Seconds(1));
}

TEST(LatencyModelTest, InstantRepliesAreNeverWorthASecondCall) {
  LatencyModel model;
  for (int i = 0; i < 400; ++i) model.Observe(absl::Microseconds(200), 100);
  EXPECT_EQ(model.SlowAfter(), absl::Milliseconds(20));
}

TEST(RetryBudgetTest, RepeatsAreAShareOfTheCalls) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  RetryBudget budget({.share = 0.1, .saved_max = 2, .free_every = {}});
  budget.Spend(now);
  budget.Spend(now);
  EXPECT_EQ(budget.AllowedAt(now), absl::InfiniteFuture());
  for (int i = 0; i < 11; ++i) budget.Earn();
  EXPECT_EQ(budget.AllowedAt(now), now);
  budget.Spend(now);
  EXPECT_EQ(budget.AllowedAt(now), absl::InfiniteFuture());
}

TEST(RetryBudgetTest, OneInAWhileIsAlwaysAllowed) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  RetryBudget budget({.share = 0, .saved_max = 0, .free_every = absl::Seconds(2)});
  EXPECT_EQ(budget.AllowedAt(now), now);
  budget.Spend(now);
  EXPECT_EQ(budget.AllowedAt(now), now + absl::Seconds(2));
}

}  // namespace
}  // namespace moa
