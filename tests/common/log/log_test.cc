#include "common/log/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/status_matchers.h"

namespace moa {
namespace {

using std::string_literals::operator""s;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

class LogTest : public testing::Test {
 protected:
  ~LogTest() override { InitLogging({}); }
};

TEST_F(LogTest, TextLinesHaveUtcTimeLevelMessageAndFields) {
  InitLogging({});
  CaptureStderr();
  LogWarning("lost the coordinator", {{"address", "10.0.0.7:7070"}, {"held", 12}});
  EXPECT_THAT(GetCapturedStderr(),
              testing::MatchesRegex("20[0-9-]+T[0-9:.]+Z warning lost the coordinator "
                                    "address=10.0.0.7:7070 held=12\n"));
}

TEST_F(LogTest, JsonLinesAreOneObjectALine) {
  InitLogging({.format = LogFormat::kJson});
  CaptureStderr();
  LogInfo("started", {{"name", "a \"quoted\" one"}});
  EXPECT_THAT(GetCapturedStderr(),
              ContainsRegex("^\\{\"time\":\"20[0-9-]+T[0-9:.]+Z\",\"level\":\"info\",\"message\":"
                            "\"started\",\"name\":\"a .\"quoted.\" one\"\\}\n$"));
}

TEST_F(LogTest, DropsLinesBelowItsLevel) {
  InitLogging({.level = LogLevel::kWarning});
  CaptureStderr();
  LogDebug("quiet");
  LogInfo("quiet");
  LogError("loud");
  const std::string printed = GetCapturedStderr();
  EXPECT_THAT(printed, Not(HasSubstr("quiet")));
  EXPECT_THAT(printed, HasSubstr("error loud"));
}

TEST_F(LogTest, ListeningLinesArePlainInEveryFormatAndAtEveryLevel) {
  InitLogging({.format = LogFormat::kJson, .level = LogLevel::kError});
  CaptureStderr();
  PrintListening("grpc", "127.0.0.1:7070");
  EXPECT_EQ(GetCapturedStderr(), "grpc listening on 127.0.0.1:7070\n");
}

TEST_F(LogTest, ValuesFromOutsideCannotForgeALine) {
  const std::string line =
      FormatLogLine(LogFormat::kText, "failed", {{"why", "x\n2026 error forged"}, {"empty", ""}});
  EXPECT_EQ(line, R"(failed why="x\u000a2026 error forged" empty="")");
}

TEST_F(LogTest, JsonSurvivesNulsAndInvalidUtf8) {
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, "m", {{"k", absl::string_view("a\0\xFF"s)}}),
            "\"message\":\"m\",\"k\":\"a\\u0000\xEF\xBF\xBD\"");
}

// spdlog formats its arguments with braces; ours must come out as they are.
TEST_F(LogTest, BracesAndPercentSignsAreOnlyText) {
  InitLogging({});
  CaptureStderr();
  LogInfo("a {} b %v {0}", {{"k", "{}%"}});
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("a {} b %v {0} k={}%\n"));
}

TEST_F(LogTest, UnknownFormatsAndLevelsNameTheChoices) {
  EXPECT_THAT(ParseLogFormat("xml"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("text or json")));
  EXPECT_THAT(ParseLogLevel("loud"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("warning")));
  EXPECT_EQ(*ParseLogFormat("json"), LogFormat::kJson);
  EXPECT_EQ(*ParseLogLevel("debug"), LogLevel::kDebug);
}

}  // namespace
}  // namespace moa
