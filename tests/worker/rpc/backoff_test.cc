#include "worker/rpc/backoff.h"

#include <gtest/gtest.h>

namespace moa::worker {
namespace {

TEST(BackoffTest, DoublesUpToItsLimitWithinHalfToAllOfIt) {
  Backoff low(absl::Milliseconds(100), absl::Seconds(1));
  Backoff high(absl::Milliseconds(100), absl::Seconds(1));
  for (const int expected_ms : {100, 200, 400, 800, 1000, 1000}) {
    EXPECT_EQ(low.Next(0), absl::Milliseconds(expected_ms) / 2);
    EXPECT_LE(high.Next(0.999), absl::Milliseconds(expected_ms));
  }
}

TEST(BackoffTest, StartsAnewAfterASuccess) {
  Backoff backoff(absl::Milliseconds(100), absl::Seconds(1));
  for (int i = 0; i < 10; ++i) backoff.Next(0.5);
  backoff.Reset();
  EXPECT_EQ(backoff.Next(0), absl::Milliseconds(50));
}

}  // namespace
}  // namespace moa::worker
