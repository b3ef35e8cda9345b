#include "client/gateway/access.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace moa::gateway {
namespace {

std::string TokenPath(const std::string& content) {
  const std::string path = absl::StrCat(testing::TempDir(), "/tokens_", getpid());
  std::ofstream(path) << content;
  return path;
}

int Checked(const Access& access, std::vector<HttpHeader> headers) {
  HttpRequest request;
  request.headers = headers;
  const auto error = access.Check(request);
  return error ? error->status : 200;
}

TEST(AccessTest, TokensAreTheFilesLines) {
  const std::string path = TokenPath("one\r\n\n  two  \n");
  auto tokens = TokenFile::Open(path);
  ASSERT_TRUE(tokens.ok());
  const Access access(*std::move(tokens), {});
  EXPECT_EQ(Checked(access, {{"authorization", "Bearer one"}}), 200);
  EXPECT_EQ(Checked(access, {{"Authorization", "bearer two"}}), 200);
  EXPECT_EQ(Checked(access, {{"Authorization", "Bearer on"}}), 401);
  EXPECT_EQ(Checked(access, {{"Authorization", "Bearer "}}), 401);
  EXPECT_EQ(Checked(access, {{"Authorization", "one"}}), 401);
  EXPECT_EQ(Checked(access, {}), 401);
}

TEST(AccessTest, AFileWithoutATokenIsAMistake) {
  EXPECT_EQ(TokenFile::Open(TokenPath(" \n")).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(TokenFile::Open("/nonexistent/tokens").ok());
}

TEST(AccessTest, WithoutTokensEverybodyIsLetIn) {
  EXPECT_EQ(Checked(Access(nullptr, {}), {}), 200);
}

TEST(AccessTest, PagesOfOtherOriginsAreNot) {
  const Access access(nullptr, {"https://app.example"});
  EXPECT_EQ(Checked(access, {{"Origin", "https://evil.example"}, {"Host", "127.0.0.1:8080"}}), 403);
  EXPECT_EQ(Checked(access, {{"Origin", "null"}, {"Host", "127.0.0.1:8080"}}), 403);
  EXPECT_EQ(Checked(access, {{"Origin", "http://127.0.0.1:8080"}, {"Host", "127.0.0.1:8080"}}),
            200);
  EXPECT_EQ(Checked(access, {{"Origin", "https://app.example"}, {"Host", "127.0.0.1:8080"}}), 200);
  EXPECT_EQ(Checked(Access(nullptr, {"*"}), {{"Origin", "https://evil.example"}}), 200);
}

// A page of a name that its owner lets stand for 127.0.0.1 is of the gateway's own origin.
TEST(AccessTest, WithoutTokensNamesOfOthersAreNotTheGateways) {
  const Access access(nullptr, {"https://moa.example"});
  for (const char* host : {"127.0.0.1:8080", "127.0.0.1", "localhost:8080", "[::1]:8080",
                           "192.0.2.1:80", "moa.example"}) {
    EXPECT_EQ(Checked(access, {{"Host", host}}), 200) << host;
  }
  for (const char* host :
       {"evil.example:8080", "evil.example", "moa.example.evil.example", "a b"}) {
    EXPECT_EQ(Checked(access, {{"Host", host}}), 403) << host;
  }
  auto tokens = TokenFile::Open(TokenPath("one"));
  ASSERT_TRUE(tokens.ok());
  const Access guarded(*std::move(tokens), {});
  EXPECT_EQ(Checked(guarded, {{"Host", "moa.example"}, {"Authorization", "Bearer one"}}), 200);
}

}  // namespace
}  // namespace moa::gateway
