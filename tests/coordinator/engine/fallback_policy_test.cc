#include "coordinator/engine/fallback_policy.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace moa {
namespace {

// One row for each error code: whether a task moves on at the first such failure, at one after which
// the model will not be tried again, and its class.
TEST(FallbackPolicyTest, EveryErrorHasItsClass) {
  struct Row {
    ErrorCode code;
    FallbackRule rule;
    bool at_first;
    bool when_exhausted;
  };
  const Row rows[] = {
      {ErrorCode::kUnspecified, FallbackRule::kNever, false, false},
      {ErrorCode::kInvalidRequest, FallbackRule::kNever, false, false},
      {ErrorCode::kUnauthorized, FallbackRule::kNever, false, false},
      {ErrorCode::kPaymentRequired, FallbackRule::kNever, false, false},
      {ErrorCode::kModelNotFound, FallbackRule::kAtOnce, true, true},
      {ErrorCode::kContextLengthExceeded, FallbackRule::kLargerContext, true, true},
      {ErrorCode::kQuotaExceeded, FallbackRule::kLongWait, false, true},
      {ErrorCode::kQueueExceeded, FallbackRule::kBusyTwice, false, true},
      {ErrorCode::kServerError, FallbackRule::kExhausted, false, true},
      {ErrorCode::kConnectionFailed, FallbackRule::kExhausted, false, true},
      {ErrorCode::kUpstreamTimeout, FallbackRule::kExhausted, false, true},
      {ErrorCode::kTruncated, FallbackRule::kExhausted, false, true},
      {ErrorCode::kMalformedResponse, FallbackRule::kExhausted, false, true},
      {ErrorCode::kWorkerLost, FallbackRule::kNever, false, false},
      {ErrorCode::kDeadlineExceeded, FallbackRule::kNever, false, false},
      {ErrorCode::kCancelled, FallbackRule::kNever, false, false},
      {ErrorCode::kInternal, FallbackRule::kNever, false, false},
      {ErrorCode::kBudgetExceeded, FallbackRule::kNever, false, false},
  };
  EXPECT_EQ(std::size(rows), static_cast<size_t>(ErrorCode::kBudgetExceeded) + 1);
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(ErrorCodeName(row.code)));
    EXPECT_EQ(FallbackRuleOf(row.code), row.rule);
    EXPECT_EQ(MovesOn({.code = row.code, .refusals_in_a_row = 1}), row.at_first);
    EXPECT_EQ(MovesOn({.code = row.code, .exhausted = true}), row.when_exhausted);
  }
}

TEST(FallbackPolicyTest, ABusyModelIsLeftAtTheSecondRefusalInARow) {
  EXPECT_FALSE(MovesOn({.code = ErrorCode::kQueueExceeded, .refusals_in_a_row = 1}));
  EXPECT_TRUE(MovesOn({.code = ErrorCode::kQueueExceeded, .refusals_in_a_row = 2}));
  EXPECT_FALSE(MovesOn({.code = ErrorCode::kQuotaExceeded, .refusals_in_a_row = 9}));
}

TEST(FallbackPolicyTest, AModelOverItsQuotaIsLeftWhenThatLasts) {
  const auto moves = [](std::optional<absl::Duration> after, absl::Duration left) {
    return MovesOn({.code = ErrorCode::kQuotaExceeded, .retry_after = after, .time_left = left});
  };
  EXPECT_FALSE(moves(std::nullopt, absl::Seconds(60)));
  EXPECT_FALSE(moves(absl::Seconds(5), absl::Seconds(60)));
  EXPECT_TRUE(moves(absl::Seconds(5.001), absl::Seconds(60)));
  EXPECT_TRUE(moves(absl::Seconds(3), absl::Seconds(3))) << "it would come after the deadline";
}

TEST(FallbackPolicyTest, ModelsAreTriedInTheOrderNamed) {
  const Agent agent{.model = "a", .fallback_models = {"b", "c"}};
  EXPECT_EQ(ModelAt(agent, 0), "a");
  EXPECT_EQ(ModelAt(agent, 2), "c");
  EXPECT_EQ(NextModel(agent, 0, false, nullptr), 1u);
  EXPECT_EQ(NextModel(agent, 1, false, nullptr), 2u);
  EXPECT_EQ(NextModel(agent, 2, false, nullptr), std::nullopt);
}

TEST(FallbackPolicyTest, ATooLongPromptGoesToAModelThatMayHoldMore) {
  ModelTable models;
  models.Configure("small", {.context_tokens = 8'000});
  models.Configure("same", {.context_tokens = 8'000});
  models.Configure("large", {.context_tokens = 32'000});
  models.Configure("unknown", {});
  const auto next = [&](std::vector<std::string> fallbacks) {
    return NextModel({.model = "small", .fallback_models = fallbacks}, 0, true, &models);
  };
  EXPECT_EQ(next({"same", "large"}), 2u);
  EXPECT_EQ(next({"same", "unknown"}), 2u);
  EXPECT_EQ(next({"same"}), std::nullopt);
  EXPECT_EQ(NextModel({.model = "unknown", .fallback_models = {"same"}}, 0, true, &models), 1u);
}

}  // namespace
}  // namespace moa
