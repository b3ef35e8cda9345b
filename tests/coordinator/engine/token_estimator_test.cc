#include "coordinator/engine/token_estimator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

PromptSize AsciiPrompt(uint64_t bytes) { return {.ascii_bytes = bytes, .messages = 2}; }

TEST(TokenEstimatorTest, CountsBytesByKind) {
  const PromptSize size = SizeOf("naïve 🙂");
  EXPECT_EQ(size.ascii_bytes, 5u);
  EXPECT_EQ(size.other_bytes, 6u);
  EXPECT_EQ(size.messages, 0u);
}

TEST(TokenEstimatorTest, AMessageCountsAllThatItSends) {
  Message message{.content = Text("abcd"), .reasoning = Text("ef")};
  message.tool_calls.push_back({.id = "id", .name = "run", .arguments = Text("{}")});
  const PromptSize size = SizeOf(message);
  EXPECT_EQ(size.ascii_bytes, 11u);
  EXPECT_EQ(size.messages, 1u);
}

TEST(TokenEstimatorTest, BeforeAnyObservationTheRuleOfThumbHolds) {
  const TokenEstimator estimator;
  EXPECT_EQ(estimator.Estimate("m", AsciiPrompt(4000)), 1008u);
  EXPECT_EQ(estimator.UpperBound("m", AsciiPrompt(4000)), 1260u);
  EXPECT_EQ(estimator.Estimate("m", PromptSize()), 1u);
}

TEST(TokenEstimatorTest, LearnsWhatAModelsTokenizerDoes) {
  TokenEstimator estimator;
  std::mt19937_64 random(7);
  std::uniform_int_distribution<uint64_t> bytes(200, 50'000);
  std::uniform_real_distribution<double> noise(0.95, 1.05);
  const auto actual = [&](const PromptSize& size) {
    const double rule = static_cast<double>(size.ascii_bytes) / 4 + 8;
    return static_cast<uint64_t>(rule * 1.6 * noise(random));
  };
  for (int i = 0; i < 200; ++i) {
    const PromptSize size = AsciiPrompt(bytes(random));
    estimator.Observe("m", size, actual(size));
  }
  int exceeded = 0;
  for (int i = 0; i < 1000; ++i) {
    const PromptSize size = AsciiPrompt(bytes(random));
    const uint64_t counted = actual(size);
    const double ratio =
        static_cast<double>(estimator.Estimate("m", size)) / static_cast<double>(counted);
    EXPECT_NEAR(ratio, 1.0, 0.08);
    if (estimator.UpperBound("m", size) < counted) ++exceeded;
  }
  EXPECT_LT(exceeded, 20);
  EXPECT_NEAR(estimator.Error("m"), 0.025, 0.02);
  EXPECT_EQ(estimator.Observations("m"), 200u);
  EXPECT_EQ(estimator.Error("other"), 0);
}

TEST(TokenEstimatorTest, FollowsAChangeOfWorkload) {
  TokenEstimator estimator;
  for (int i = 0; i < 100; ++i) estimator.Observe("m", AsciiPrompt(4000), 1000);
  for (int i = 0; i < 100; ++i) estimator.Observe("m", AsciiPrompt(4000), 2000);
  EXPECT_NEAR(static_cast<double>(estimator.Estimate("m", AsciiPrompt(4000))), 2000, 100);
}

TEST(TokenEstimatorTest, OneAbsurdCountDoesNotSpoilIt) {
  TokenEstimator estimator;
  for (int i = 0; i < 100; ++i) estimator.Observe("m", AsciiPrompt(4000), 1000);
  estimator.Observe("m", AsciiPrompt(4000), 1'000'000'000);
  EXPECT_LT(estimator.Estimate("m", AsciiPrompt(4000)), 1100u);
}

TEST(TokenEstimatorTest, NoCountChangesNothing) {
  TokenEstimator estimator;
  estimator.Observe("m", AsciiPrompt(4000), 0);
  estimator.Observe("m", PromptSize(), 5);
  EXPECT_EQ(estimator.Observations("m"), 0u);
}

TEST(TokenEstimatorTest, KeepsABoundedNumberOfModels) {
  TokenEstimator estimator;
  for (int i = 0; i < 3000; ++i) estimator.Observe(absl::StrCat("m", i), AsciiPrompt(4000), 2000);
  EXPECT_EQ(estimator.Observations("m999"), 1u);
  EXPECT_EQ(estimator.Observations("m2000"), 0u);
  // Those beyond the bound share what was learned of each other.
  EXPECT_NEAR(static_cast<double>(estimator.Estimate("m2000", AsciiPrompt(4000))), 2000, 10);
}

}  // namespace
}  // namespace moa
