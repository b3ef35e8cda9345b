#include "simulator/token_bucket.h"

#include <gtest/gtest.h>

namespace moa::simulator {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'000'000);

TEST(TokenBucketTest, RefillsContinuouslyUpToItsLimit) {
  TokenBucket bucket(60, absl::Minutes(1), kStart);
  bucket.Take(60, kStart);
  EXPECT_DOUBLE_EQ(bucket.Available(kStart), 0);
  EXPECT_DOUBLE_EQ(bucket.Available(kStart + absl::Milliseconds(1'500)), 1.5);
  EXPECT_DOUBLE_EQ(bucket.Available(kStart + absl::Hours(1)), 60);
}

TEST(TokenBucketTest, SaysHowLongUntilAnAmountIsThere) {
  TokenBucket bucket(60, absl::Minutes(1), kStart);
  bucket.Take(50, kStart);
  EXPECT_EQ(bucket.TimeUntil(10, kStart), absl::ZeroDuration());
  EXPECT_EQ(bucket.TimeUntil(25, kStart), absl::Seconds(15));
  // More than it ever holds: until it is full.
  EXPECT_EQ(bucket.TimeUntil(1'000, kStart), absl::Seconds(50));
}

// A run that used more than was reserved is paid back before the next.
TEST(TokenBucketTest, GoesBelowZero) {
  TokenBucket bucket(60, absl::Minutes(1), kStart);
  bucket.Take(90, kStart);
  EXPECT_FALSE(bucket.Has(0, kStart + absl::Seconds(29)));
  EXPECT_TRUE(bucket.Has(1, kStart + absl::Seconds(31)));
}

TEST(TokenBucketTest, GivingBackDoesNotExceedTheLimit) {
  TokenBucket bucket(60, absl::Minutes(1), kStart);
  bucket.Take(-100, kStart);
  EXPECT_DOUBLE_EQ(bucket.Available(kStart), 60);
}

TEST(TokenBucketTest, WithoutALimitHoldsAnything) {
  TokenBucket bucket(0, absl::Minutes(1), kStart);
  bucket.Take(1e12, kStart);
  EXPECT_TRUE(bucket.Has(1e12, kStart));
}

TEST(TokenBucketTest, IgnoresATimeInThePast) {
  TokenBucket bucket(60, absl::Minutes(1), kStart);
  bucket.Take(60, kStart + absl::Seconds(10));
  EXPECT_DOUBLE_EQ(bucket.Available(kStart), 0);
}

}  // namespace
}  // namespace moa::simulator
