#include "worker/upstream/response_head.h"

#include <gtest/gtest.h>

#include <limits>

#include "worker/upstream/rate_limit_headers.h"

namespace moa::upstream {
namespace {

ResponseHead Read(std::initializer_list<absl::string_view> lines,
                  absl::Time now = absl::UnixEpoch()) {
  ResponseHead head;
  for (const absl::string_view line : lines) head.AddLine(line, now);
  return head;
}

TEST(RateLimitHeadersTest, ReadsEveryWindow) {
  RateLimits limits;
  EXPECT_TRUE(limits.empty());
  const struct {
    const char* name;
    RateLimits::Window RateLimits::*window;
  } windows[] = {
      {"requests-minute", &RateLimits::requests_minute},
      {"requests-hour", &RateLimits::requests_hour},
      {"requests-day", &RateLimits::requests_day},
      {"tokens-minute", &RateLimits::tokens_minute},
      {"tokens-hour", &RateLimits::tokens_hour},
      {"tokens-day", &RateLimits::tokens_day},
  };
  for (const auto& w : windows) {
    const std::string name = w.name;
    EXPECT_TRUE(AddRateLimitHeader("X-RateLimit-Limit-" + name, "9000000", &limits));
    EXPECT_TRUE(AddRateLimitHeader("x-ratelimit-remaining-" + name, " 26999935 ", &limits));
    EXPECT_TRUE(AddRateLimitHeader("x-ratelimit-reset-" + name, "11.382867097854614", &limits));
    EXPECT_EQ((limits.*w.window).limit, 9000000u);
    EXPECT_EQ((limits.*w.window).remaining, 26999935u);  // may exceed the limit
    EXPECT_EQ((limits.*w.window).reset_seconds, 11.382867097854614);
  }
  EXPECT_FALSE(limits.empty());
}

TEST(RateLimitHeadersTest, ClampsNumbersAndIgnoresNonsense) {
  RateLimits limits;
  AddRateLimitHeader("x-ratelimit-limit-tokens-minute", "-3", &limits);
  EXPECT_EQ(limits.tokens_minute.limit, 0u);
  AddRateLimitHeader("x-ratelimit-limit-tokens-minute", "99999999999999999999999", &limits);
  EXPECT_EQ(limits.tokens_minute.limit, std::numeric_limits<uint64_t>::max());
  AddRateLimitHeader("x-ratelimit-limit-tokens-minute", "12.7", &limits);
  EXPECT_EQ(limits.tokens_minute.limit, 12u);
  for (const char* nonsense : {"", "abc", "nan", "1 2"}) {
    AddRateLimitHeader("x-ratelimit-limit-tokens-minute", nonsense, &limits);
    AddRateLimitHeader("x-ratelimit-reset-tokens-day", nonsense, &limits);
  }
  EXPECT_EQ(limits.tokens_minute.limit, 12u);
  EXPECT_FALSE(limits.tokens_day.reset_seconds);
  AddRateLimitHeader("x-ratelimit-reset-tokens-day", "-1", &limits);
  EXPECT_EQ(limits.tokens_day.reset_seconds, 0);
  AddRateLimitHeader("x-ratelimit-reset-tokens-day", "1e300", &limits);
  EXPECT_EQ(limits.tokens_day.reset_seconds, 31 * 86400.0);
}

TEST(RateLimitHeadersTest, LeavesOtherHeadersAlone) {
  RateLimits limits;
  for (const char* name :
       {"x-ratelimit-", "x-ratelimit-limit-", "x-ratelimit-limit-tokens-second",
        "x-ratelimit-used-tokens-day", "x-request-id", "", "x-ratelimit-limit-day"}) {
    EXPECT_FALSE(AddRateLimitHeader(name, "1", &limits)) << name;
  }
  EXPECT_TRUE(limits.empty());
}

TEST(ResponseHeadTest, ReadsWhatMatters) {
  const ResponseHead head = Read(
      {"HTTP/1.1 429 Too Many Requests\r\n", "Content-Type: Text/Event-Stream; charset=utf-8\r\n",
       "content-length: 12\r\n", "X-Should-Retry: FALSE\r\n", "retry-after: 49\r\n",
       "x-ratelimit-limit-requests-minute: 5\r\n", "server: cloudflare\r\n", "\r\n"});
  EXPECT_EQ(head.status, 429);
  EXPECT_TRUE(head.is_event_stream);
  EXPECT_EQ(head.content_length, 12u);
  EXPECT_EQ(head.should_retry, false);
  EXPECT_EQ(head.RetryAfter(), absl::Seconds(49));
  EXPECT_EQ(head.rate_limits.requests_minute.limit, 5u);
}

TEST(ResponseHeadTest, StartsOverAtTheNextStatusLine) {
  const ResponseHead head = Read({"HTTP/1.1 100 Continue\r\n", "Retry-After: 3\r\n", "\r\n",
                                  "HTTP/2 200 \r\n", "content-type: application/json\r\n"});
  EXPECT_EQ(head.status, 200);
  EXPECT_FALSE(head.RetryAfter());
  EXPECT_FALSE(head.is_event_stream);
}

TEST(ResponseHeadTest, ToleratesNonsense) {
  const ResponseHead head =
      Read({"HTTP/1.1\r\n", "no colon\r\n", ": no name\r\n", "", "\r\n", "content-length: many\r\n",
            "x-should-retry: maybe\r\n", "retry-after: soon\r\n"});
  EXPECT_EQ(head.status, 0);
  EXPECT_FALSE(head.content_length);
  EXPECT_FALSE(head.should_retry);
  EXPECT_FALSE(head.RetryAfter());
}

TEST(ResponseHeadTest, PrefersTheFinerWait) {
  const ResponseHead head =
      Read({"HTTP/1.1 429 x\r\n", "retry-after-ms: 1500.5\r\n", "retry-after: 49\r\n"});
  EXPECT_EQ(head.RetryAfter(), absl::Microseconds(1500500));
}

TEST(ParseRetryAfterTest, ReadsSecondsAndDates) {
  const absl::Time now = absl::FromUnixSeconds(784111777);  // Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(ParseRetryAfter("59", now), absl::Seconds(59));
  EXPECT_EQ(ParseRetryAfter(" 0.25 ", now), absl::Milliseconds(250));
  EXPECT_EQ(ParseRetryAfter("0", now), absl::ZeroDuration());
  EXPECT_EQ(ParseRetryAfter("1e30", now), absl::Hours(24));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:50:37 GMT", now), absl::Minutes(1));
  EXPECT_EQ(ParseRetryAfter("Sunday, 06-Nov-94 08:50:37 GMT", now), absl::Minutes(1));
  EXPECT_EQ(ParseRetryAfter("Sun Nov  6 08:50:37 1994", now), absl::Minutes(1));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:00 GMT", now), absl::ZeroDuration());
  for (const char* nonsense : {"", "-1", "nan", "tomorrow", "Sun, 99 Nov 1994 08:49:00 GMT"}) {
    EXPECT_FALSE(ParseRetryAfter(nonsense, now)) << nonsense;
  }
}

}  // namespace
}  // namespace moa::upstream
