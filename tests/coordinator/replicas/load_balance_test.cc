#include "coordinator/replicas/load_balance.h"

#include <gtest/gtest.h>

namespace moa {
namespace {

TEST(LoadBalanceTest, WhoHasMoreThanTheMeanGivesTheRestUp) {
  EXPECT_EQ(JobsToRelease(1000, {0}), 500u);
  EXPECT_EQ(JobsToRelease(900, {0, 0}), 600u);
  EXPECT_EQ(JobsToRelease(0, {1000}), 0u);
}

TEST(LoadBalanceTest, SmallDifferencesStay) {
  EXPECT_EQ(JobsToRelease(16, {0}), 0u);
  EXPECT_EQ(JobsToRelease(120, {100}), 0u);
  EXPECT_EQ(JobsToRelease(100, {100, 100}), 0u);
}

TEST(LoadBalanceTest, AloneThereIsNobodyToGiveTo) { EXPECT_EQ(JobsToRelease(1000, {}), 0u); }

// Whatever the loads, giving up brings everybody nearer to the mean, and nobody gives twice.
TEST(LoadBalanceTest, AfterGivingUpNothingIsLeftToGive) {
  for (uint64_t mine = 0; mine < 2000; mine += 37) {
    for (uint64_t other = 0; other < 2000; other += 41) {
      const uint64_t given = JobsToRelease(mine, {other});
      EXPECT_LE(given, mine);
      EXPECT_EQ(JobsToRelease(mine - given, {other + given}), 0u) << mine << " " << other;
      EXPECT_EQ(JobsToRelease(other + given, {mine - given}),
                0u + (given == 0 ? JobsToRelease(other, {mine}) : 0u));
    }
  }
}

}  // namespace
}  // namespace moa
