#include "common/flags/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "common/base/status_matchers.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ValuesTest, DurationsNeedAUnitAndMayNotBeNegativeOrInfinite) {
  EXPECT_EQ(*ParseDurationValue("30s"), absl::Seconds(30));
  EXPECT_EQ(*ParseDurationValue("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDurationValue("1m30s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDurationValue("0"), absl::ZeroDuration());
  for (const char* bad : {"", "30", "s", "30 s", "-5s", "inf", "1y"}) {
    EXPECT_THAT(ParseDurationValue(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(ValuesTest, IntegersKeepToTheirRange) {
  EXPECT_EQ(*ParseIntValue("0", 0, 10), 0);
  EXPECT_EQ(*ParseIntValue("10", 0, 10), 10);
  EXPECT_THAT(ParseIntValue("11", 0, 10),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0 to 10")));
  EXPECT_THAT(ParseIntValue("-1", 0, INT64_MAX),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at least 0")));
  for (const char* bad : {"", " 1", "1 ", "1.5", "0x10", "1e3", "99999999999999999999", "one"}) {
    EXPECT_THAT(ParseIntValue(bad, 0, INT64_MAX), StatusIs(absl::StatusCode::kInvalidArgument))
        << bad;
  }
}

TEST(ValuesTest, DoublesKeepToTheirRange) {
  EXPECT_EQ(*ParseDoubleValue("0.25", 0, 1), 0.25);
  for (const char* bad : {"", "nan", "inf", "1.5", "-0.1", "x"}) {
    EXPECT_THAT(ParseDoubleValue(bad, 0, 1), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(ValuesTest, BooleansReadTheUsualWords) {
  for (const char* yes : {"true", "TRUE", "yes", "on", "1"}) EXPECT_TRUE(*ParseBoolValue(yes));
  for (const char* no : {"false", "No", "OFF", "0"}) EXPECT_FALSE(*ParseBoolValue(no));
  EXPECT_THAT(ParseBoolValue("maybe"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseBoolValue(""), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ValuesTest, ListsDropBlanksAndEmptyItems) {
  EXPECT_THAT(ParseListValue(" a, b ,,c,"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(ParseListValue(" , "), IsEmpty());
}

TEST(ValuesTest, EnvironmentNamesAreUpperCaseWithUnderscores) {
  EXPECT_EQ(EnvironmentName("MOA_", "max-queued-jobs"), "MOA_MAX_QUEUED_JOBS");
}

TEST(ValuesTest, EmptyEnvironmentVariablesCountAsUnset) {
  setenv("MOA_VALUES_TEST", "", 1);
  EXPECT_EQ(FromEnvironment("MOA_VALUES_TEST"), std::nullopt);
  setenv("MOA_VALUES_TEST", "x", 1);
  EXPECT_EQ(FromEnvironment("MOA_VALUES_TEST"), "x");
  unsetenv("MOA_VALUES_TEST");
  EXPECT_EQ(FromEnvironment("MOA_VALUES_TEST"), std::nullopt);
}

TEST(ValuesTest, ErrorsShowWhatWasReadCutAndWithoutControlCharacters) {
  const absl::Status status = ParseBoolValue("a\nb\x1B" + std::string(500, 'x')).status();
  EXPECT_LT(status.message().size(), 200u);
  EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
  EXPECT_EQ(status.message().find('\x1B'), absl::string_view::npos);
}

TEST(ReadSecretFileTest, ReadsWithoutTheLastLineEnd) {
  const std::string path = testing::TempDir() + "/moa_secret_" + std::to_string(getpid());
  std::ofstream(path) << "csk-secret\r\n";
  EXPECT_EQ(*ReadSecretFile(path), "csk-secret");
  std::ofstream(path) << std::string((64 << 10) + 1, 'k');
  EXPECT_THAT(ReadSecretFile(path), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path)));
  unlink(path.c_str());
  EXPECT_THAT(ReadSecretFile(path), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
  EXPECT_FALSE(ReadSecretFile(testing::TempDir()).ok());
}

}  // namespace
}  // namespace moa
