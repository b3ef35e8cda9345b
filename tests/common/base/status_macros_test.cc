#include "common/base/status_macros.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/status_matchers.h"

namespace moa {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::unique_ptr<int>> Half(int number) {
  if (number % 2 != 0) return absl::InvalidArgumentError("odd");
  return std::make_unique<int>(number / 2);
}

absl::StatusOr<int> Quarter(int number) {
  MOA_ASSIGN_OR_RETURN(const std::unique_ptr<int> half, Half(number));
  MOA_ASSIGN_OR_RETURN(const std::unique_ptr<int> quarter, Half(*half));
  return *quarter;
}

absl::Status Check(int number, bool* passed) {
  MOA_RETURN_IF_ERROR(Half(number).status());
  *passed = true;
  return absl::OkStatus();
}

TEST(StatusMacrosTest, AssignsValuesThatCanOnlyBeMoved) {
  ASSERT_OK_AND_ASSIGN(const int quarter, Quarter(12));
  EXPECT_EQ(quarter, 3);
}

TEST(StatusMacrosTest, ReturnsTheFirstError) {
  EXPECT_THAT(Quarter(13), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("odd")));
  EXPECT_THAT(Quarter(14), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(StatusMacrosTest, ReturnIfErrorGoesOnAfterSuccessOnly) {
  bool passed = false;
  EXPECT_THAT(Check(1, &passed), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(passed);
  EXPECT_OK(Check(2, &passed));
  EXPECT_TRUE(passed);
}

TEST(StatusMacrosTest, ReturnIfErrorIsOneStatementInAnUnbracedIf) {
  const auto run = [](bool check) -> absl::Status {
    if (check)
      MOA_RETURN_IF_ERROR(absl::InternalError("seen"));
    else
      return absl::AbortedError("other branch");
    return absl::OkStatus();
  };
  EXPECT_THAT(run(true), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(run(false), StatusIs(absl::StatusCode::kAborted));
}

}  // namespace
}  // namespace moa
