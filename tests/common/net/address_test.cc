#include "common/net/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status_matchers.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(AddressTest, ReadsNamesAndBothFamiliesAndPrintsThemBack) {
  for (const char* text : {"127.0.0.1:7070", "[::1]:7070", "localhost:0", "moa-0.moa.svc:65535",
                           "[fe80::1%eth0]:80", "0.0.0.0:1"}) {
    ASSERT_OK_AND_ASSIGN(const Address address, ParseAddress(text));
    EXPECT_EQ(address.ToString(), text);
  }
  EXPECT_EQ(ParseAddress("[::1]:7070")->host, "::1");
}

TEST(AddressTest, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "HOST:PORT"},
      {"localhost", "HOST:PORT"},
      {":7070", "host is missing"},
      {"a:", "port"},
      {"a:65536", "port"},
      {"a:-1", "port"},
      {"a:+1", "port"},
      {"a: 1", "port"},
      {"a:1x", "port"},
      {"a:000001", "port"},
      {"::1:7070", "[ADDRESS]:PORT"},
      {"[::1]", "[ADDRESS]:PORT"},
      {"[::1", "[ADDRESS]:PORT"},
      {"[zz]:1", "brackets"},
      {"[]:1", "brackets"},
      {"a b:1", "letters"},
      {"http://a:1", "scheme"},
      {"a/b:1", "letters"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_THAT(ParseAddress(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(expected)))
        << text;
  }
}

TEST(AddressTest, KnowsLoopback) {
  for (const char* host : {"127.0.0.1", "127.255.0.3", "::1", "localhost", "LocalHost",
                           "a.localhost", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "127.0.0.1.example.org",
                           "localhost.example.org", "", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

TEST(AddressTest, RefusesPlainTextBeyondLoopbackUnlessToldSo) {
  const Address everywhere{"0.0.0.0", 7070};
  EXPECT_THAT(
      CheckListenAllowed(everywhere, false, false),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("0.0.0.0:7070"), HasSubstr("--tls-cert"), HasSubstr("--insecure"))));
  EXPECT_OK(CheckListenAllowed(everywhere, true, false));
  EXPECT_OK(CheckListenAllowed(everywhere, false, true));
  EXPECT_OK(CheckListenAllowed({"127.0.0.1", 7070}, false, false));
}

TEST(AddressTest, KnowsIpAddressesFromNames) {
  for (const char* ip : {"127.0.0.1", "0.0.0.0", "::1", "fd00::7", "fe80::1%eth0"}) {
    EXPECT_TRUE(IsIpAddress(ip)) << ip;
  }
  for (const char* name : {"localhost", "moa-0.example", "10.0.0", "256.0.0.1", "1"}) {
    EXPECT_FALSE(IsIpAddress(name)) << name;
  }
}

}  // namespace
}  // namespace moa
