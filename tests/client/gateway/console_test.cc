#include "client/gateway/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace moa::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr ConsoleFile kFiles[] = {
    {"/", "text/html; charset=utf-8", "aa", "<!doctype html>", "small page"},
    {"/assets/a.js", "text/javascript; charset=utf-8", "bb", "let a", "small script"},
};

HttpResponse Get(absl::string_view path, std::vector<HttpHeader> headers = {},
                 absl::Span<const ConsoleFile> files = kFiles) {
  return ConsoleResponse({.method = "GET", .target = path, .path = path, .headers = headers},
                         files);
}

TEST(ConsoleTest, ItsPathsAreTheRootAndTheAssets) {
  EXPECT_TRUE(IsConsolePath("/"));
  EXPECT_TRUE(IsConsolePath("/assets/a.js"));
  for (const char* path : {"", "/v1/models", "/assets", "/index.html", "//"}) {
    EXPECT_FALSE(IsConsolePath(path)) << path;
  }
}

// Every reply has the policy, also that of a file that is not there.
TEST(ConsoleTest, RepliesLetThePageLoadFromItsOwnHostAlone) {
  for (const char* path : {"/", "/assets/a.js", "/assets/none.js"}) {
    const std::string head = Get(path).header_block();
    EXPECT_THAT(head, HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'self'"));
    EXPECT_THAT(head, Not(HasSubstr("unsafe")));
    EXPECT_THAT(head, HasSubstr("X-Content-Type-Options: nosniff"));
  }
  EXPECT_EQ(Get("/assets/none.js").status, 404);
}

TEST(ConsoleTest, CompressedOnlyForThoseWhoTakeIt) {
  EXPECT_EQ(Get("/").body, "<!doctype html>");
  for (const char* accept : {"gzip", "br, GZIP;q=0.5", "deflate,gzip ; q=1"}) {
    EXPECT_EQ(Get("/", {{"Accept-Encoding", accept}}).body, "small page") << accept;
  }
  for (const char* accept : {"br", "gzip;q=0", "gzip;q=0.000", "gzip;q=x", ""}) {
    EXPECT_EQ(Get("/", {{"Accept-Encoding", accept}}).body, "<!doctype html>") << accept;
  }
}

// The tags of the two forms differ: what is not changed is the form that the browser has.
TEST(ConsoleTest, WhatTheBrowserHasIsNotSentAgain) {
  for (const char* tags : {"\"aa\"", "W/\"aa\"", "\"x\", \"aa\"", "*"}) {
    const HttpResponse reply = Get("/", {{"If-None-Match", tags}});
    EXPECT_EQ(reply.status, 304) << tags;
    EXPECT_EQ(reply.body, "");
  }
  EXPECT_EQ(Get("/", {{"If-None-Match", "\"aa-gzip\""}}).status, 200);
  EXPECT_EQ(Get("/", {{"If-None-Match", "\"aa-gzip\""}, {"Accept-Encoding", "gzip"}}).status, 304);
}

TEST(ConsoleTest, ThePageIsLookedUpAgainItsFilesAreKept) {
  EXPECT_THAT(Get("/").header_block(), HasSubstr("Cache-Control: no-cache"));
  EXPECT_THAT(Get("/assets/a.js").header_block(), HasSubstr("immutable"));
}

TEST(ConsoleTest, OnlyReadingIsAllowed) {
  const HttpResponse reply =
      ConsoleResponse({.method = "POST", .target = "/", .path = "/"}, kFiles);
  EXPECT_EQ(reply.status, 405);
  EXPECT_THAT(reply.header_block(), HasSubstr("Allow: GET, HEAD"));
}

// Built without node: the page says so.
TEST(ConsoleTest, SaysWhenItWasNotBuilt) {
  const HttpResponse reply = Get("/", {}, {});
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, HasSubstr("not built"));
  EXPECT_EQ(Get("/assets/a.js", {}, {}).status, 404);
}

}  // namespace
}  // namespace moa::gateway
