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

TEST(QuotaBucketTest, TimeThatGoesBackChangesNothing) {
  QuotaBucket bucket = BucketOf(600);
  bucket.Take(300, kBucketStart);
  EXPECT_DOUBLE_EQ(bucket.LevelAt(kBucketStart - absl::Hours(1)), 300);
}

}  // namespace
}  // namespace moa
