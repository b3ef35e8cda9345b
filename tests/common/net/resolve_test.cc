#include "common/net/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status_matchers.h"
#include "common/net/address.h"

namespace moa {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::ResultOf;

TEST(ResolveTest, AnAddressIsItsOwn) {
  ASSERT_OK_AND_ASSIGN(const auto v4, ResolveHost("127.0.0.1"));
  EXPECT_THAT(v4, ElementsAre("127.0.0.1"));
  ASSERT_OK_AND_ASSIGN(const auto v6, ResolveHost("::1"));
  EXPECT_THAT(v6, ElementsAre("::1"));
}

TEST(ResolveTest, LocalhostIsThisHost) {
  ASSERT_OK_AND_ASSIGN(const auto all, ResolveHost("localhost"));
  EXPECT_THAT(all, Not(IsEmpty()));
  EXPECT_THAT(all, Each(ResultOf([](const std::string& ip) { return IsLoopback(ip); }, true)));
}

TEST(ResolveTest, ANameThatIsNoneIsAnError) {
  // No name of DNS: no server has to be asked.
  EXPECT_FALSE(ResolveHost("moa..example").ok());
}

}  // namespace
}  // namespace moa
