#include "coordinator/scheduler/quota_bucket.h"

#include <gtest/gtest.h>

namespace moa {
namespace {

const absl::Time kBucketStart = absl::FromUnixSeconds(1'700'000'000);

QuotaBucket BucketOf(double limit) {
  QuotaBucket bucket(absl::Minutes(1));
  bucket.SetLimit(limit, 0, kBucketStart);
  return bucket;
}

TEST(QuotaBucketTest, AnUnknownLimitLetsEverythingThrough) {
  QuotaBucket bucket(absl::Minutes(1));
  EXPECT_FALSE(bucket.known());
  EXPECT_EQ(bucket.FitsAt(1e12, kBucketStart), kBucketStart);
  EXPECT_FALSE(bucket.Take(5, kBucketStart).known);
}

TEST(QuotaBucketTest, RefillsContinuouslyUpToItsLimit) {
  QuotaBucket bucket = BucketOf(600);
  bucket.Take(600, kBucketStart);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(kBucketStart + absl::Seconds(30)), 300);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(kBucketStart + absl::Hours(1)), 600);
}

TEST(QuotaBucketTest, TellsWhenAnAmountFitsAndThenItDoes) {
  QuotaBucket bucket = BucketOf(600);
  bucket.Take(600, kBucketStart);
  const absl::Time at = bucket.FitsAt(100, kBucketStart);
  EXPECT_GT(at, kBucketStart + absl::Seconds(10));
  EXPECT_LT(at, kBucketStart + absl::Seconds(10.5));
  EXPECT_EQ(bucket.FitsAt(100, at), at);
}

TEST(QuotaBucketTest, WhatExceedsTheLimitWaitsForAFullBucket) {
  QuotaBucket bucket = BucketOf(600);
  EXPECT_EQ(bucket.FitsAt(5000, kBucketStart), kBucketStart);
  bucket.Take(5000, kBucketStart);
  EXPECT_GT(bucket.FitsAt(5000, kBucketStart), kBucketStart + absl::Seconds(499));
}

TEST(QuotaBucketTest, ALowerLimitTakesWhatIsAboveIt) {
  QuotaBucket bucket = BucketOf(600);
  bucket.SetLimit(300, 0, kBucketStart);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(kBucketStart), 300);
  bucket.SetLimit(900, 0, kBucketStart);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(kBucketStart), 300);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(kBucketStart + absl::Seconds(20)), 600);
}

TEST(QuotaBucketTest, TheFirstLimitKnowsOfWhatIsUnderWay) {
  QuotaBucket bucket(absl::Minutes(1));
  bucket.SetLimit(600, 150, kBucketStart);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(kBucketStart), 450);
}

// Alone under way, a report is exact.
TEST(QuotaBucketTest, ALoneCallsReportIsBelievedWhole) {
  QuotaBucket bucket = BucketOf(600);
  const auto then = bucket.Take(100, kBucketStart);
  bucket.Correct(then, 200, 0, 0, kBucketStart);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(kBucketStart), 200);
}

TEST(QuotaBucketTest, CallsThatWereUnderWayTogetherCorrectAnErrorOnce) {
  QuotaBucket bucket = BucketOf(600);
  const auto first = bucket.Take(10, kBucketStart);
  const auto second = bucket.Take(10, kBucketStart);
  // Both report that the provider holds 300 less.
  bucket.Correct(first, 290, 1, 10, kBucketStart);
  bucket.Correct(second, 280, 1, 10, kBucketStart);
  EXPECT_NEAR(bucket.LevelAt(kBucketStart), 280, 6);
}

// What calls that overtook each other report differs from the copy by what they had reserved, to both sides.
TEST(QuotaBucketTest, CoincidencesOutweighEachOther) {
  QuotaBucket bucket = BucketOf(6000);
  const auto first = bucket.Take(50, kBucketStart);
  const auto second = bucket.Take(50, kBucketStart);
  bucket.Correct(second, 5950, 1, 50, kBucketStart);  // the provider let it in first
  bucket.Correct(first, 5900, 1, 50, kBucketStart);
  EXPECT_NEAR(bucket.LevelAt(kBucketStart), 5900, 30);
}

TEST(QuotaBucketTest, ARefusalMeansThatTheAmountIsNotThere) {
  QuotaBucket bucket = BucketOf(600);
  bucket.Refused(100, kBucketStart);
  EXPECT_LT(bucket.LevelAt(kBucketStart), 100);
  bucket.Take(90, kBucketStart);
  const double level = bucket.LevelAt(kBucketStart);
  bucket.Refused(100, kBucketStart);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(kBucketStart), level);
}

TEST(QuotaBucketTest, AShareHoldsAndRefillsItsPart) {
  QuotaBucket bucket = BucketOf(600);
  bucket.SetShare(0.25, kBucketStart);
  const absl::Time later = kBucketStart + absl::Minutes(2);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(later), 150);
  EXPECT_DOUBLE_EQ(bucket.limit(), 600);
  bucket.Take(150, later);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(later + absl::Seconds(20)), 50);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(later + absl::Hours(1)), 150);
}

// What one gives up drains as fast as others can fill what they got: together they never hold more.
TEST(QuotaBucketTest, WhatIsAboveALowerSharesCapacityDrains) {
  QuotaBucket gives = BucketOf(600);
  QuotaBucket takes(absl::Minutes(1));
  takes.SetShare(0, kBucketStart);
  takes.SetLimit(600, 0, kBucketStart);
  gives.SetShare(0.4, kBucketStart);
  takes.SetShare(0.6, kBucketStart);
  EXPECT_DOUBLE_EQ(gives.LevelAt(kBucketStart), 600);
  for (int seconds = 0; seconds <= 120; ++seconds) {
    const absl::Time now = kBucketStart + absl::Seconds(seconds);
    ASSERT_LE(gives.LevelAt(now) + takes.LevelAt(now), 600 + 1e-6) << seconds;
  }
  EXPECT_DOUBLE_EQ(gives.LevelAt(kBucketStart + absl::Seconds(30)), 420);
  EXPECT_DOUBLE_EQ(gives.LevelAt(kBucketStart + absl::Seconds(120)), 240);
  EXPECT_DOUBLE_EQ(takes.LevelAt(kBucketStart + absl::Seconds(120)), 360);
}

TEST(QuotaBucketTest, AShareThatGrowsBringsNothingWithIt) {
  QuotaBucket bucket = BucketOf(600);
  bucket.SetShare(0.1, kBucketStart);
  const absl::Time later = kBucketStart + absl::Minutes(1);
  ASSERT_DOUBLE_EQ(bucket.LevelAt(later), 60);
  bucket.SetShare(1, later);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(later), 60);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(later + absl::Seconds(10)), 160);
}

TEST(QuotaBucketTest, WhatExceedsAShareWaitsForALargerOne) {
  QuotaBucket bucket = BucketOf(600);
  bucket.SetShare(0.25, kBucketStart);
  EXPECT_EQ(bucket.FitsAt(200, kBucketStart), kBucketStart) << "it is still there";
  const absl::Time later = kBucketStart + absl::Minutes(2);
  EXPECT_EQ(bucket.FitsAt(150, later), later);
  EXPECT_EQ(bucket.FitsAt(151, later), absl::InfiniteFuture());
  EXPECT_EQ(bucket.FitsAt(5000, later), absl::InfiniteFuture());
  bucket.SetShare(0, later);
  EXPECT_EQ(bucket.FitsAt(1, later), absl::InfiniteFuture());
  bucket.SetShare(1, later);
  EXPECT_LT(bucket.FitsAt(5000, later), later + absl::Minutes(1));
}

TEST(QuotaBucketTest, NothingBindsAnUnknownLimitNotEvenAShareOfNothing) {
  QuotaBucket bucket(absl::Minutes(1));
  bucket.SetShare(0, kBucketStart);
  EXPECT_EQ(bucket.FitsAt(1e12, kBucketStart), kBucketStart);
  bucket.SetLimit(600, 0, kBucketStart);
  EXPECT_EQ(bucket.FitsAt(1, kBucketStart), absl::InfiniteFuture());
}

TEST(QuotaBucketTest, AFirstLimitFillsTheShareOfWhatIsLeft) {
  QuotaBucket bucket(absl::Minutes(1));
  bucket.SetShare(0.5, kBucketStart);
  bucket.SetLimit(600, 50, kBucketStart, 200);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(kBucketStart), 150);
  QuotaBucket learned(absl::Minutes(1));
  learned.LearnLimit(600, 0, kBucketStart);
  EXPECT_DOUBLE_EQ(learned.LevelAt(kBucketStart), 0) << "what is left is not known";
  learned.LearnLimit(900, 0, kBucketStart);
  EXPECT_DOUBLE_EQ(learned.limit(), 600);
}

// What a share holds less than the whole bucket others hold.
TEST(QuotaBucketTest, AReportCanOnlyLowerAShare) {
  QuotaBucket bucket = BucketOf(600);
  bucket.SetShare(0.5, kBucketStart);
  const absl::Time later = kBucketStart + absl::Minutes(1);
  const auto first = bucket.Take(100, later);
  bucket.Correct(first, 500, 0, 0, later);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(later), 200);
  const auto second = bucket.Take(100, later);
  bucket.Correct(second, 30, 0, 0, later);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(later), 30);
}

// Others may have sent calls after the one that reports and before they gave up their shares.
TEST(QuotaBucketTest, AReportFromBeforeTheShareGrewRaisesNothing) {
  QuotaBucket bucket = BucketOf(600);
  bucket.SetShare(0.5, kBucketStart);
  const absl::Time later = kBucketStart + absl::Minutes(1);
  const auto then = bucket.Take(100, later);
  bucket.SetShare(1, later);
  bucket.Correct(then, 500, 0, 0, later);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(later), 200);
  bucket.Correct(bucket.Take(100, later), 400, 0, 0, later);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(later), 400) << "of the whole it is exact";
}

TEST(QuotaBucketTest, TimeThatGoesBackChangesNothing) {
  QuotaBucket bucket = BucketOf(600);
  bucket.Take(300, kBucketStart);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(kBucketStart - absl::Hours(1)), 300);
}

}  // namespace
}  // namespace moa
