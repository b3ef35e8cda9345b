#include "simulator/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moa::simulator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 50 * kSecond;

TEST(StatisticsTest, TellsEachSecondApart) {
  Statistics statistics(kStart);
  statistics.Admitted(kStart);
  statistics.Charged(100, 250, kStart + kSecond / 2);
  statistics.Ended(200, "", kStart + kSecond / 2);
  statistics.Admitted(kStart + 3 * kSecond);
  statistics.Ended(429, "queue_exceeded", kStart + 3 * kSecond);
  const std::string json = statistics.Json(kStart + 4 * kSecond);
  EXPECT_THAT(json, HasSubstr(R"("admitted":2,"charged":{"uncached":100,"total":250})"));
  EXPECT_THAT(json, HasSubstr(R"({"second":0,"admitted":1,"completed":1,"quota_429":0,)"
                              R"("queue_429":0,"uncached_tokens":100,"total_tokens":250},)"
                              R"({"second":3,"admitted":1,"completed":0,"quota_429":0,)"
                              R"("queue_429":1,"uncached_tokens":0,"total_tokens":0}])"));
}

TEST(StatisticsTest, SaysWhenQuotaRefusalsCame) {
  Statistics statistics(kStart);
  EXPECT_THAT(statistics.Json(kStart),
              HasSubstr(R"("quota_429":{"count":0,"first_s":-1,"last_s":-1})"));
  statistics.Ended(429, "token_quota_exceeded", kStart + kSecond);
  statistics.Ended(429, "request_quota_exceeded", kStart + 5 * kSecond / 2);
  statistics.Ended(429, "queue_exceeded", kStart + 9 * kSecond);  // no quota
  statistics.Ended(503, "", kStart + 9 * kSecond);
  EXPECT_THAT(statistics.Json(kStart + 9 * kSecond),
              AllOf(HasSubstr(R"("quota_429":{"count":2,"first_s":1,"last_s":2.5})"),
                    HasSubstr(R"("by_code":{"429 queue_exceeded":1,"429 request_quota_exceeded":1,)"
                              R"("429 token_quota_exceeded":1,"503":1})")));
}

// Two minutes later the place of a second is another's.
TEST(StatisticsTest, KeepsTheLast120Seconds) {
  Statistics statistics(kStart);
  statistics.Admitted(kStart);
  statistics.Admitted(kStart + 120 * kSecond);
  const std::string json = statistics.Json(kStart + 121 * kSecond);
  EXPECT_THAT(json, AllOf(HasSubstr(R"("admitted":2)"), HasSubstr(R"("second":120,)"),
                          Not(HasSubstr(R"("second":0,)"))));
  EXPECT_THAT(statistics.Json(kStart + 500 * kSecond), HasSubstr(R"("seconds":[])"));
}

TEST(StatisticsTest, AResetStartsTheClockAnew) {
  Statistics statistics(kStart);
  statistics.Admitted(kStart);
  statistics.Ended(429, "token_quota_exceeded", kStart);
  statistics.Reset(kStart + 10 * kSecond);
  statistics.Admitted(kStart + 9 * kSecond);  // read its clock before the reset
  EXPECT_THAT(statistics.Json(kStart + 10 * kSecond),
              AllOf(HasSubstr(R"("since_ns":60000000000)"), HasSubstr(R"("admitted":1)"),
                    HasSubstr(R"("by_code":{},"quota_429":{"count":0)"),
                    HasSubstr(R"({"second":0,"admitted":1)")));
}

}  // namespace
}  // namespace moa::simulator
