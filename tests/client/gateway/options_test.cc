#include "client/gateway/options.h"

#include <gtest/gtest.h>

namespace moa::gateway {
namespace {

bool Allowed(const std::string& listen, const std::string& token_file, bool insecure) {
  GatewayOptions options;
  options.listen = listen;
  options.token_file = token_file;
  options.insecure = insecure;
  return CheckListen(options).ok();
}

TEST(GatewayOptionsTest, BeyondLoopbackNeedsTokensAndAWordAboutTls) {
  EXPECT_TRUE(Allowed("127.0.0.1:8080", "", false));
  EXPECT_TRUE(Allowed("[::1]:8080", "", false));
  EXPECT_FALSE(Allowed("0.0.0.0:8080", "", false));
  EXPECT_FALSE(Allowed("0.0.0.0:8080", "", true));
  EXPECT_FALSE(Allowed("0.0.0.0:8080", "tokens", false));
  EXPECT_TRUE(Allowed("0.0.0.0:8080", "tokens", true));
}

}  // namespace
}  // namespace moa::gateway
