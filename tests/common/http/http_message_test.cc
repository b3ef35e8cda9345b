#include "common/http/http_message.h"

#include <gtest/gtest.h>

namespace moa {
namespace {

TEST(HttpRequestTest, FindsHeadersInAnyCase) {
  const HttpHeader headers[] = {{"Content-TYPE", "text/plain"}, {"X", ""}};
  HttpRequest request;
  request.headers = headers;
  EXPECT_EQ(request.Header("content-type"), "text/plain");
  EXPECT_NE(request.FindHeader("x"), nullptr);
  EXPECT_EQ(request.FindHeader("y"), nullptr);
  EXPECT_EQ(request.Header("y"), "");
}

TEST(HttpRequestTest, ReadsAndDecodesQueryValues) {
  HttpRequest request;
  request.query = "a=1&name=caf%C3%A9+au%20lait&flag&b%3Dc=2&a=3";
  EXPECT_EQ(request.QueryValue("a"), "1");
  EXPECT_EQ(request.QueryValue("name"), "café au lait");
  EXPECT_EQ(request.QueryValue("flag"), "");
  EXPECT_EQ(request.QueryValue("b=c"), "2");
  EXPECT_EQ(request.QueryValue("missing"), "");
}

TEST(HttpMessageTest, PercentDecodeLeavesMalformedEscapesAlone) {
  EXPECT_EQ(PercentDecode("100%"), "100%");
  EXPECT_EQ(PercentDecode("%4"), "%4");
  EXPECT_EQ(PercentDecode("%zz%41"), "%zzA");
}

// Text from outside must not become a header of its own.
TEST(HttpResponseTest, ReplacesControlCharactersInHeaderValues) {
  HttpResponse response;
  response.AddHeader("X-Name", "a\r\nSet-Cookie: b");
  EXPECT_EQ(response.header_block(), "X-Name: a  Set-Cookie: b\r\n");
}

}  // namespace
}  // namespace moa
