#include "simulator/rate_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moa::simulator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kStart = absl::FromUnixSeconds(1'000'000);

const Model& GptOss() { return *FindModel("gpt-oss-120b"); }
const Model& Qwen() { return *FindModel("qwen-3.8-27b"); }

LimitOptions Free() {
  LimitOptions options;
  options.tier = Tier::kFree;
  return options;
}

TEST(RateLimitsTest, RefusesTheSixthRequestOfAMinuteOnTheFreeTier) {
  RateLimits limits(Free());
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(limits.Admit("org", GptOss(), 100, kStart).error.has_value());
  }
  const RateLimits::Decision sixth = limits.Admit("org", GptOss(), 100, kStart);
  ASSERT_TRUE(sixth.error.has_value());
  EXPECT_EQ(sixth.error->code, "request_quota_exceeded");
  EXPECT_EQ(sixth.retry_after_seconds, 12);  // one request is 12 s at 5 a minute
  EXPECT_FALSE(limits.Admit("org", GptOss(), 100, kStart + absl::Seconds(12)).error.has_value());
}

TEST(RateLimitsTest, KeepsOrganisationsAndModelsApart) {
  RateLimits limits(Free());
  for (int i = 0; i < 5; ++i) limits.Admit("a", GptOss(), 1, kStart);
  EXPECT_TRUE(limits.Admit("a", GptOss(), 1, kStart).error.has_value());
  EXPECT_FALSE(limits.Admit("b", GptOss(), 1, kStart).error.has_value());
  EXPECT_FALSE(limits.Admit("a", Qwen(), 1, kStart).error.has_value());
}

TEST(RateLimitsTest, ReservesTheEstimateAndCorrectsItByWhatWasUsed) {
  RateLimits limits(Free());  // 30,000 tokens a minute
  const RateLimits::Decision first = limits.Admit("org", GptOss(), 20'000, kStart);
  ASSERT_FALSE(first.error.has_value());
  const RateLimits::Decision second = limits.Admit("org", GptOss(), 20'000, kStart);
  ASSERT_TRUE(second.error.has_value());
  EXPECT_EQ(second.error->code, "token_quota_exceeded");
  EXPECT_EQ(second.retry_after_seconds, 20);  // 10,000 missing at 500 a second
  limits.Settle(first.reservation, 500, 500, kStart);
  EXPECT_FALSE(limits.Admit("org", GptOss(), 20'000, kStart).error.has_value());
}

// Tokens read from the prompt cache count towards the total only.
TEST(RateLimitsTest, CachedTokensSpareTheUncachedBucket) {
  RateLimits limits(Free());
  const RateLimits::Decision first = limits.Admit("org", GptOss(), 30'000, kStart);
  limits.Settle(first.reservation, 0, 30'000, kStart);
  EXPECT_FALSE(limits.Admit("org", GptOss(), 30'000, kStart).error.has_value());
}

TEST(RateLimitsTest, RefusesWhatCanNeverFitWithoutTakingAnything) {
  RateLimits limits(Free());
  const RateLimits::Decision huge = limits.Admit("org", GptOss(), 40'000, kStart);
  ASSERT_TRUE(huge.error.has_value());
  EXPECT_EQ(huge.reservation.model, nullptr);
  EXPECT_THAT(huge.headers, HasSubstr("x-ratelimit-remaining-requests-minute: 5\r\n"));
  EXPECT_THAT(huge.headers, HasSubstr("x-ratelimit-remaining-tokens-minute: 30000\r\n"));
}

TEST(RateLimitsTest, HeadersCarryLimitsAndWhatRemains) {
  RateLimits limits({});
  const RateLimits::Decision decision = limits.Admit("org", Qwen(), 1'000, kStart);
  EXPECT_THAT(decision.headers, HasSubstr("x-ratelimit-limit-requests-minute: 300\r\n"));
  EXPECT_THAT(decision.headers, HasSubstr("x-ratelimit-limit-tokens-minute: 150000\r\n"));
  EXPECT_THAT(decision.headers, HasSubstr("x-ratelimit-remaining-tokens-minute: 149000\r\n"));
  // As seen: what remains of all tokens (5 times as many for this model) beside the uncached limit.
  EXPECT_THAT(decision.headers, HasSubstr("x-ratelimit-limit-tokens-hour: 9000000\r\n"));
  EXPECT_THAT(decision.headers, HasSubstr("x-ratelimit-remaining-tokens-hour: 44999000\r\n"));
  EXPECT_THAT(decision.headers, Not(HasSubstr("reset")));
}

TEST(RateLimitsTest, SendsResetHeadersWhenAsked) {
  LimitOptions options = Free();
  options.reset_headers = true;
  RateLimits limits(options);
  EXPECT_THAT(limits.Admit("org", GptOss(), 15'000, kStart).headers,
              HasSubstr("x-ratelimit-reset-tokens-minute: 30\r\n"));
}

TEST(RateLimitsTest, WithoutLimitsThereAreNoHeaders) {
  LimitOptions options;
  options.tier = Tier::kUnlimited;
  RateLimits limits(options);
  const RateLimits::Decision decision = limits.Admit("org", GptOss(), 1'000'000'000, kStart);
  EXPECT_FALSE(decision.error.has_value());
  EXPECT_EQ(decision.headers, "");
}

TEST(RateLimitsTest, ExplicitLimitsReplaceTheTiers) {
  LimitOptions options;
  options.tier = Tier::kUnlimited;
  options.requests_per_minute = 1;
  RateLimits limits(options);
  EXPECT_FALSE(limits.Admit("org", GptOss(), 1'000'000, kStart).error.has_value());
  EXPECT_TRUE(limits.Admit("org", GptOss(), 1, kStart).error.has_value());
}

// What was used before stays used, and nothing above the new limit is kept.
TEST(RateLimitsTest, NewLimitsKeepTheLevelOfABucketUpToTheLimit) {
  LimitOptions options;
  options.requests_per_minute = 600;
  options.tokens_per_minute = 60'000;
  RateLimits limits(options);
  for (int i = 0; i < 550; ++i) limits.Admit("org", GptOss(), 1, kStart);
  limits.SetLimits({nullptr, 60, std::nullopt}, kStart);
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(limits.Admit("org", GptOss(), 1, kStart).error.has_value()) << i;
  }
  const RateLimits::Decision refused = limits.Admit("org", GptOss(), 1, kStart);
  EXPECT_TRUE(refused.error.has_value());
  EXPECT_THAT(refused.headers, HasSubstr("x-ratelimit-limit-requests-minute: 60\r\n"));
  // One a second from here on, where it had been ten.
  EXPECT_FALSE(limits.Admit("org", GptOss(), 1, kStart + absl::Seconds(1)).error.has_value());
  EXPECT_TRUE(limits.Admit("org", GptOss(), 1, kStart + absl::Seconds(1)).error.has_value());
}

TEST(RateLimitsTest, AFullBucketIsCutToTheNewLimit) {
  RateLimits limits(LimitOptions{});
  limits.Admit("org", GptOss(), 1, kStart);
  limits.SetLimits({&GptOss(), std::nullopt, 1'000}, kStart);
  EXPECT_TRUE(limits.Admit("org", GptOss(), 1'001, kStart).error.has_value());
  EXPECT_FALSE(limits.Admit("org", GptOss(), 1'000, kStart).error.has_value());
  EXPECT_FALSE(limits.Admit("org", Qwen(), 1'001, kStart).error.has_value());
}

TEST(RateLimitsTest, LimitsCanComeAndGo) {
  LimitOptions options;
  options.tier = Tier::kUnlimited;
  RateLimits limits(options);
  limits.SetLimits({nullptr, 1, std::nullopt}, kStart);
  EXPECT_FALSE(limits.Admit("org", GptOss(), 1, kStart).error.has_value());
  EXPECT_TRUE(limits.Admit("org", GptOss(), 1, kStart).error.has_value());
  EXPECT_THAT(
      limits.LimitsJson(),
      HasSubstr(R"({"model":"gpt-oss-120b","requests_per_minute":1,"tokens_per_minute":0,)"));
  limits.SetLimits({nullptr, 0, std::nullopt}, kStart);
  EXPECT_FALSE(limits.Admit("org", GptOss(), 1, kStart).error.has_value());
}

// A client that makes up keys costs bounded memory: late organisations share one.
TEST(RateLimitsTest, LateOrganisationsShareBuckets) {
  RateLimits limits(Free());
  for (int i = 0; i < 10'000; ++i) limits.Admit(std::to_string(i), GptOss(), 1, kStart);
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(limits.Admit("late" + std::to_string(i), GptOss(), 1, kStart).error.has_value());
  }
  EXPECT_TRUE(limits.Admit("one more", GptOss(), 1, kStart).error.has_value());
}

TEST(RateLimitsTest, ReservesAtMost16384CompletionTokens) {
  EXPECT_EQ(RateLimits::ReservedCompletion(800), 800);
  EXPECT_EQ(RateLimits::ReservedCompletion(20'000), 16'384);
  EXPECT_EQ(RateLimits::ReservedCompletion(std::nullopt), 16'384);
  EXPECT_EQ(RateLimits::ReservedCompletion(-1), 16'384);
}

}  // namespace
}  // namespace moa::simulator
