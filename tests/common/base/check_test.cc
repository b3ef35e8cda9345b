#include "common/base/check.h"

#include <gtest/gtest.h>

namespace moa {
namespace {

TEST(CheckTest, PassesWhenTheConditionHoldsAndEvaluatesItOnce) {
  int evaluations = 0;
  MOA_CHECK(++evaluations == 1);
  EXPECT_EQ(evaluations, 1);
}

TEST(CheckDeathTest, AbortsWithPlaceAndConditionInEveryBuild) {
  const int one = 1;
  EXPECT_DEATH(MOA_CHECK(one == 2), "check_test.cc:[0-9]+: check failed: one == 2");
}

}  // namespace
}  // namespace moa
