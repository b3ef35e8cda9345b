#include "coordinator/scheduler/quota_ledger.h"

#include <gtest/gtest.h>

namespace moa {
namespace {

const absl::Time kLedgerStart = absl::FromUnixSeconds(1'700'000'000);

QuotaLimits PerMinute(uint64_t requests, uint64_t tokens) {
  QuotaLimits limits;
  limits.requests[0] = requests;
  limits.tokens[0] = tokens;
  return limits;
}

RateLimits Headers(uint64_t limit, uint64_t remaining) {
  RateLimits headers;
  headers.tokens[0] = {.limit = limit, .remaining = remaining};
  return headers;
}

double Left(const QuotaLedger& ledger, absl::Time now = kLedgerStart) {
  return ledger.uncached(QuotaPeriod::kMinute).LevelAt(now);
}

TEST(QuotaLedgerTest, ReservesAnEstimateAndSettlesWhatWasUsed) {
  QuotaLedger ledger(PerMinute(10, 1000));
  const auto reservation = ledger.Reserve(400, kLedgerStart);
  EXPECT_DOUBLE_EQ(Left(ledger), 600);
  EXPECT_EQ(ledger.reserved_tokens(), 400u);
  EXPECT_EQ(ledger.reserved_requests(), 1u);
  ledger.Settle(reservation, {.uncached = 100, .total = 150}, kLedgerStart);
  EXPECT_DOUBLE_EQ(Left(ledger), 900);
  EXPECT_DOUBLE_EQ(ledger.total(QuotaPeriod::kMinute).LevelAt(kLedgerStart), 2850);
  EXPECT_DOUBLE_EQ(ledger.requests(QuotaPeriod::kMinute).LevelAt(kLedgerStart), 9);
  EXPECT_EQ(ledger.reserved_tokens(), 0u);
  EXPECT_EQ(ledger.reserved_requests(), 0u);
}

TEST(QuotaLedgerTest, EveryBucketMustHaveRoom) {
  QuotaLedger ledger(PerMinute(2, 1000));
  EXPECT_EQ(ledger.FitsAt(900, kLedgerStart), kLedgerStart);
  const auto first = ledger.Reserve(100, kLedgerStart);
  const auto second = ledger.Reserve(100, kLedgerStart);
  EXPECT_GT(ledger.FitsAt(1, kLedgerStart), kLedgerStart + absl::Seconds(29));
  ledger.Settle(first, {}, kLedgerStart);
  ledger.Settle(second, {}, kLedgerStart);
}

TEST(QuotaLedgerTest, ARefusalGivesAllBackAndClosesUntilTheProvidersTime) {
  QuotaLedger ledger(PerMinute(10, 1000));
  const auto reservation = ledger.Reserve(400, kLedgerStart);
  ledger.Refused(reservation, absl::Seconds(7), QuotaLedger::Short::kRequests, kLedgerStart);
  EXPECT_EQ(ledger.reserved_tokens(), 0u);
  EXPECT_DOUBLE_EQ(Left(ledger), 1000);
  EXPECT_GE(ledger.FitsAt(1, kLedgerStart), kLedgerStart + absl::Seconds(7));
  EXPECT_LE(ledger.FitsAt(1, kLedgerStart), kLedgerStart + absl::Seconds(7.1));
  EXPECT_EQ(ledger.Headroom(kLedgerStart), 0);
}

TEST(QuotaLedgerTest, ARefusalThatNamesNoTimeClosesForAMoment) {
  QuotaLedger ledger;
  ledger.Refused(ledger.Reserve(400, kLedgerStart), std::nullopt, QuotaLedger::Short::kTokens,
                 kLedgerStart);
  EXPECT_EQ(ledger.FitsAt(1, kLedgerStart), kLedgerStart + absl::Seconds(1));
}

TEST(QuotaLedgerTest, ARefusalThatSaysAtOnceClosesForLess) {
  QuotaLedger ledger;
  ledger.Refused(ledger.Reserve(400, kLedgerStart), absl::ZeroDuration(),
                 QuotaLedger::Short::kTokens, kLedgerStart);
  EXPECT_GT(ledger.FitsAt(1, kLedgerStart), kLedgerStart);
  EXPECT_LT(ledger.FitsAt(1, kLedgerStart), kLedgerStart + absl::Milliseconds(200));
}

TEST(QuotaLedgerTest, ABusyProviderClosesNothing) {
  QuotaLedger ledger(PerMinute(10, 1000));
  ledger.Refused(ledger.Reserve(400, kLedgerStart), std::nullopt, QuotaLedger::Short::kNothing,
                 kLedgerStart);
  EXPECT_EQ(ledger.FitsAt(900, kLedgerStart), kLedgerStart);
}

TEST(QuotaLedgerTest, LearnsLimitsFromHeaders) {
  QuotaLedger ledger;
  const auto reservation = ledger.Reserve(400, kLedgerStart);
  const auto other = ledger.Reserve(50, kLedgerStart);
  ledger.Learn(reservation, Headers(1000, 600), kLedgerStart);
  // The other call had not been let in when the header was written.
  EXPECT_DOUBLE_EQ(Left(ledger), 550);
  ledger.Settle(reservation, {.uncached = 100, .total = 100}, kLedgerStart);
  EXPECT_DOUBLE_EQ(Left(ledger), 850);
  ledger.Settle(other, {}, kLedgerStart);
}

TEST(QuotaLedgerTest, FollowsALimitThatIsCut) {
  QuotaLedger ledger(PerMinute(10, 1000));
  const auto reservation = ledger.Reserve(100, kLedgerStart);
  ledger.Learn(reservation, Headers(500, 400), kLedgerStart);
  ledger.Settle(reservation, {.uncached = 100, .total = 100}, kLedgerStart);
  EXPECT_DOUBLE_EQ(ledger.uncached(QuotaPeriod::kMinute).limit(), 500);
  EXPECT_DOUBLE_EQ(Left(ledger), 400);
}

// `remaining` above `limit` counts cached tokens too, and so says nothing of the others.
TEST(QuotaLedgerTest, ARemainderAboveTheLimitIsOfAllTokens) {
  QuotaLedger ledger(PerMinute(10, 1000));
  const auto reservation = ledger.Reserve(100, kLedgerStart);
  ledger.Learn(reservation, Headers(1000, 2000), kLedgerStart);
  EXPECT_DOUBLE_EQ(Left(ledger), 900);
  EXPECT_DOUBLE_EQ(ledger.total(QuotaPeriod::kMinute).LevelAt(kLedgerStart), 2000);
  // And so it is of all tokens when it falls below the limit.
  const auto next = ledger.Reserve(100, kLedgerStart);
  ledger.Learn(next, Headers(1000, 500), kLedgerStart);
  EXPECT_DOUBLE_EQ(Left(ledger), 800);
  ledger.Settle(reservation, {}, kLedgerStart);
  ledger.Settle(next, {}, kLedgerStart);
}

TEST(QuotaLedgerTest, NonsenseInHeadersChangesNothing) {
  QuotaLedger ledger(PerMinute(10, 1000));
  const auto reservation = ledger.Reserve(100, kLedgerStart);
  RateLimits headers;
  headers.requests[0] = {.limit = 0, .remaining = 5};
  headers.tokens[1] = {.limit = std::nullopt, .remaining = 7};
  ledger.Learn(reservation, headers, kLedgerStart);
  EXPECT_DOUBLE_EQ(Left(ledger), 900);
  EXPECT_FALSE(ledger.uncached(QuotaPeriod::kHour).known());
  ledger.Settle(reservation, {}, kLedgerStart);
}

TEST(QuotaLedgerTest, KnowsWhichCallsItNeverHolds) {
  EXPECT_EQ(QuotaLedger(QuotaLimits()).LimitBelow(1'000'000'000), 0u) << "nothing is known";
  QuotaLedger ledger(PerMinute(10, 1000));
  EXPECT_EQ(ledger.LimitBelow(1000), 0u);
  EXPECT_EQ(ledger.LimitBelow(1001), 1000u);
  const auto reservation = ledger.Reserve(900, kLedgerStart);
  EXPECT_EQ(ledger.LimitBelow(1000), 0u) << "what is there now is another matter";
  ledger.Learn(reservation, Headers(500, 400), kLedgerStart);
  EXPECT_EQ(ledger.LimitBelow(1000), 500u);
  ledger.Settle(reservation, {}, kLedgerStart);
}

TEST(QuotaLedgerTest, ACallIsBeyondTheQuotaByTheWholeLimitAndNotByAShare) {
  QuotaLedger ledger(PerMinute(10, 1000), 100'000);
  EXPECT_EQ(ledger.LimitBelow(1000), 0u);
  EXPECT_EQ(ledger.LimitBelow(1001), 1000u);
  EXPECT_EQ(ledger.FitsAt(101, kLedgerStart), absl::InfiniteFuture());
  EXPECT_EQ(ledger.FitsAt(90, kLedgerStart), kLedgerStart);
}

TEST(QuotaLedgerTest, TellsTheLeastShareThatHoldsACall) {
  EXPECT_EQ(QuotaLedger().LeastShare(1000), 0u);
  const QuotaLedger ledger(PerMinute(10, 1000));
  EXPECT_EQ(ledger.LeastShare(0), 100'000u) << "a request of ten";
  EXPECT_EQ(ledger.LeastShare(600), 600'000u);
  EXPECT_EQ(ledger.LeastShare(5000), kQuotaWhole);
}

// A replica counts on what the others cannot take before the next report: their share of the minute's limit, and of
// what is left.
TEST(QuotaLedgerTest, OfADaysBucketAShareOfTheMinutesLimitIsLeftToTheOthers) {
  QuotaLimits limits = PerMinute(1000, 1000);
  limits.tokens[2] = 20'000;
  QuotaLedger ledger(limits, 250'000);
  EXPECT_EQ(ledger.FitsAt(200, kLedgerStart), kLedgerStart);
  RateLimits headers = Headers(1000, 1000);
  const auto report = [&](uint64_t left_of_day) {
    const auto call = ledger.Reserve(0, kLedgerStart);
    headers.tokens[2] = {.limit = 20'000, .remaining = left_of_day};
    ledger.Learn(call, headers, kLedgerStart);
    ledger.Settle(call, {}, kLedgerStart);
  };
  report(20'000);
  ledger.Settle(ledger.Reserve(0, kLedgerStart), {}, kLedgerStart);
  EXPECT_EQ(ledger.FitsAt(200, kLedgerStart), kLedgerStart);
  report(900);
  EXPECT_GT(ledger.FitsAt(240, kLedgerStart), kLedgerStart) << "a quarter of 900 is less";
  report(4'000);
  EXPECT_EQ(ledger.FitsAt(200, kLedgerStart), kLedgerStart);
  ledger.SetShare(0, kLedgerStart);
  EXPECT_EQ(ledger.FitsAt(1, kLedgerStart), absl::InfiniteFuture());
}

// Of a bucket that lasts a day only moments of refill are kept back: minutes of it would hold calls for so long.
TEST(QuotaLedgerTest, AnEmptyBucketOfALongPeriodLetsInWhatWasRefilled) {
  QuotaLimits limits;
  limits.tokens[2] = 1'440'000;
  QuotaLedger ledger(limits);
  ledger.Reserve(1'440'000, kLedgerStart);
  EXPECT_LT(ledger.FitsAt(1000, kLedgerStart), kLedgerStart + absl::Seconds(61));
}

TEST(QuotaLedgerTest, WhatAReplyToldBeforeSharesWereSettledCountsForOneThatIsAlone) {
  for (const bool alone : {true, false}) {
    QuotaLedger ledger({}, 0);
    const auto call = ledger.Reserve(100, kLedgerStart);
    ledger.Learn(call, Headers(1000, 800), kLedgerStart);
    ledger.Settle(call, {.uncached = 100, .total = 100}, kLedgerStart);
    EXPECT_EQ(ledger.FitsAt(1, kLedgerStart), absl::InfiniteFuture());
    ledger.SetShare(kQuotaWhole, kLedgerStart, alone);
    EXPECT_DOUBLE_EQ(Left(ledger), alone ? 800 : 0);
  }
}

TEST(QuotaLedgerTest, TellsHowLongTheWholeIsNeeded) {
  QuotaLedger ledger(PerMinute(10, 1000), 0);
  EXPECT_GT(ledger.WholeFor(600, kLedgerStart), absl::Seconds(36));
  EXPECT_LT(ledger.WholeFor(600, kLedgerStart), absl::Seconds(37));
  EXPECT_EQ(QuotaLedger().WholeFor(600, kLedgerStart), absl::ZeroDuration());
}

TEST(QuotaLedgerTest, LearnsLimitsFromOthersOnlyWhereItKnowsNone) {
  QuotaLedger ledger({}, 500'000);
  ledger.LearnLimits(PerMinute(10, 1000), kLedgerStart);
  EXPECT_EQ(ledger.limits().tokens[0], 1000u);
  EXPECT_EQ(Left(ledger), 0);
  EXPECT_DOUBLE_EQ(Left(ledger, kLedgerStart + absl::Minutes(5)), 500);
  ledger.LearnLimits(PerMinute(20, 2000), kLedgerStart);
  EXPECT_EQ(ledger.limits().tokens[0], 1000u);
}

TEST(QuotaLedgerTest, CountsWhatAMinuteAllows) {
  EXPECT_EQ(QuotaLedger().PartOfMinute(100, 100), 0);
  const QuotaLedger ledger(PerMinute(10, 1000));
  EXPECT_DOUBLE_EQ(ledger.PartOfMinute(1, 50), 0.1);
  EXPECT_DOUBLE_EQ(ledger.PartOfMinute(1, 500), 0.5);
  QuotaLimits by_day;
  by_day.tokens[2] = 1'440'000;
  EXPECT_DOUBLE_EQ(QuotaLedger(by_day).PartOfMinute(0, 500), 0.5);
}

TEST(QuotaLedgerTest, HeadroomIsTheLeastOfTheMinutesShares) {
  QuotaLedger ledger(PerMinute(10, 1000));
  EXPECT_EQ(ledger.Headroom(kLedgerStart), 1);
  const auto reservation = ledger.Reserve(700, kLedgerStart);
  EXPECT_DOUBLE_EQ(ledger.Headroom(kLedgerStart), 0.3);
  ledger.Settle(reservation, {}, kLedgerStart);
  EXPECT_EQ(QuotaLedger().Headroom(kLedgerStart), 1);
}

}  // namespace
}  // namespace moa
