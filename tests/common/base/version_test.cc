#include "common/base/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moa {
namespace {

TEST(VersionTest, IsThreeNumbers) {
  EXPECT_THAT(MoaVersion(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace moa
