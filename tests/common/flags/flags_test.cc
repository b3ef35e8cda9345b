#include "common/flags/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/base/status_matchers.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::CaptureStdout;
using testing::internal::GetCapturedStderr;
using testing::internal::GetCapturedStdout;

// One flag of each kind, as a program declares them.
class FlagsTest : public testing::Test {
 protected:
  FlagsTest() : flags_({.name = "moa-test", .description = "Tests flags.", .version = "1.2.3"}) {
    flags_.Group("Network");
    flags_.Address("listen", &listen_, "where clients connect");
    flags_.AddressList("coordinator", &coordinators_, "the coordinators");
    flags_.Bool("insecure", &insecure_, "allow plain text");
    flags_.Group("Limits");
    flags_.Int("max-queued-jobs", &max_queued_jobs_, "jobs that may wait", 1, 1000);
    flags_.Double("share", &share_, "share of the quota", 0, 1);
    flags_.Duration("drain-timeout", &drain_timeout_, "how long to drain", absl::Milliseconds(1));
    flags_.Group("Other");
    flags_.String("name", &name_, "name for people");
    flags_.List("models", &models_, "models to use");
    flags_.Choice("log-format", &log_format_, {"text", "json"}, "format of the log");
  }

  absl::Status Parse(const std::vector<std::string>& args,
                     const std::map<std::string, std::string>& environment = {}) {
    return flags_.Parse(args,
                        [&environment](const std::string& name) -> std::optional<std::string> {
                          const auto it = environment.find(name);
                          if (it == environment.end()) return std::nullopt;
                          return it->second;
                        });
  }

  FlagSet flags_;
  std::string listen_ = "127.0.0.1:7070";
  std::vector<std::string> coordinators_ = {"127.0.0.1:7070"};
  bool insecure_ = false;
  int64_t max_queued_jobs_ = 100;
  double share_ = 0.5;
  absl::Duration drain_timeout_ = absl::Seconds(30);
  std::string name_;
  std::vector<std::string> models_;
  std::string log_format_ = "text";
};

TEST_F(FlagsTest, KeepsDefaultsWhenNothingIsGiven) {
  ASSERT_OK(Parse({}));
  EXPECT_EQ(listen_, "127.0.0.1:7070");
  EXPECT_EQ(max_queued_jobs_, 100);
  EXPECT_FALSE(flags_.Given("listen"));
}

TEST_F(FlagsTest, ReadsEveryKindInBothSpellings) {
  ASSERT_OK(Parse({"--listen", "[::1]:1", "--insecure", "--max-queued-jobs=7", "--share", "0.25",
                   "--drain-timeout=1m", "--name", "a b", "--models", "x,y", "--log-format=json"}));
  EXPECT_EQ(listen_, "[::1]:1");
  EXPECT_TRUE(insecure_);
  EXPECT_EQ(max_queued_jobs_, 7);
  EXPECT_EQ(share_, 0.25);
  EXPECT_EQ(drain_timeout_, absl::Minutes(1));
  EXPECT_EQ(name_, "a b");
  EXPECT_THAT(models_, ElementsAre("x", "y"));
  EXPECT_EQ(log_format_, "json");
  EXPECT_TRUE(flags_.Given("listen"));
}

TEST_F(FlagsTest, FlagsWinOverTheEnvironmentAndTheEnvironmentOverDefaults) {
  const std::map<std::string, std::string> environment = {
      {"MOA_MAX_QUEUED_JOBS", "5"}, {"MOA_NAME", "from-env"}, {"MOA_INSECURE", "1"}};
  ASSERT_OK(Parse({"--max-queued-jobs", "6"}, environment));
  EXPECT_EQ(max_queued_jobs_, 6);
  EXPECT_EQ(name_, "from-env");
  EXPECT_TRUE(insecure_);
}

TEST_F(FlagsTest, UnknownVariablesAreIgnoredAndUnknownFlagsNamed) {
  EXPECT_OK(Parse({}, {{"MOA_GONE_IN_THIS_VERSION", "x"}}));
  EXPECT_THAT(Parse({"--frobnicate=3"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--frobnicate")));
  EXPECT_THAT(Parse({"stray"}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("stray")));
}

TEST_F(FlagsTest, BadValuesNameTheFlagOrTheVariable) {
  EXPECT_THAT(Parse({"--max-queued-jobs", "many"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--max-queued-jobs"), HasSubstr("many"))));
  EXPECT_THAT(Parse({}, {{"MOA_DRAIN_TIMEOUT", "30"}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("MOA_DRAIN_TIMEOUT"), HasSubstr("unit"))));
  EXPECT_THAT(Parse({"--listen=7070"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--listen")));
  EXPECT_THAT(Parse({"--coordinator=a:1,b"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"b\"")));
  EXPECT_THAT(Parse({"--drain-timeout=0s"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1ms")));
  EXPECT_THAT(Parse({"--log-format=xml"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("text|json")));
  EXPECT_THAT(Parse({"--insecure=perhaps"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--insecure")));
  EXPECT_THAT(Parse({"--max-queued-jobs"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--max-queued-jobs")));
}

TEST_F(FlagsTest, TheLastOfRepeatedValuesCountsAndListsGrow) {
  ASSERT_OK(Parse({"--name=a", "--name=b", "--models=x,y", "--models=z"}));
  EXPECT_EQ(name_, "b");
  EXPECT_THAT(models_, ElementsAre("x", "y", "z"));
}

TEST_F(FlagsTest, AValueMayStartWithADashAfterAnEqualsSign) {
  ASSERT_OK(Parse({"--name=--odd"}));
  EXPECT_EQ(name_, "--odd");
}

TEST_F(FlagsTest, BooleansCanBeTurnedOff) {
  insecure_ = true;
  ASSERT_OK(Parse({"--insecure=false"}));
  EXPECT_FALSE(insecure_);
  ASSERT_OK(Parse({"--insecure", "--name", "x"}));
  EXPECT_TRUE(insecure_);
}

TEST_F(FlagsTest, OtherVariablesAreReadAfterTheFlagsOwn) {
  flags_.AlsoEnvironment("name", "CEREBRAS_NAME");
  ASSERT_OK(Parse({}, {{"CEREBRAS_NAME", "other"}}));
  EXPECT_EQ(name_, "other");
  ASSERT_OK(Parse({}, {{"CEREBRAS_NAME", "other"}, {"MOA_NAME", "own"}}));
  EXPECT_EQ(name_, "own");
}

TEST_F(FlagsTest, RequiredFlagsMustComeFromSomewhere) {
  flags_.Require("name");
  EXPECT_THAT(Parse({}), StatusIs(absl::StatusCode::kInvalidArgument,
                                  AllOf(HasSubstr("--name"), HasSubstr("MOA_NAME"))));
  EXPECT_OK(Parse({}, {{"MOA_NAME", "x"}}));
}

TEST_F(FlagsTest, HelpShowsGroupsDefaultsAndTheEnvironment) {
  const std::string help = flags_.Help();
  for (const char* part : {"Tests flags.", "Network", "Limits", "--max-queued-jobs",
                           "(default 100)", "(default 30s)", "MOA_LISTEN", "--version"}) {
    EXPECT_THAT(help, HasSubstr(part));
  }
  EXPECT_LT(help.find("Network"), help.find("--listen"));
  EXPECT_LT(help.find("--listen"), help.find("Limits"));
}

TEST_F(FlagsTest, ExitStatusIsZeroForHelpAndVersionAndTwoForMistakes) {
  const char* help[] = {"moa-test", "--help"};
  CaptureStdout();
  EXPECT_EQ(flags_.ParseOrExit(2, help), 0);
  EXPECT_THAT(GetCapturedStdout(), HasSubstr("--listen"));

  const char* version[] = {"moa-test", "--version"};
  CaptureStdout();
  EXPECT_EQ(flags_.ParseOrExit(2, version), 0);
  EXPECT_EQ(GetCapturedStdout(), "moa-test 1.2.3\n");

  const char* bad[] = {"moa-test", "--share=2"};
  CaptureStderr();
  EXPECT_EQ(flags_.ParseOrExit(2, bad), 2);
  EXPECT_THAT(GetCapturedStderr(), AllOf(HasSubstr("moa-test: --share"), HasSubstr("--help")));

  const char* good[] = {"moa-test"};
  EXPECT_EQ(flags_.ParseOrExit(1, good), std::nullopt);
}

// As --health: it stands for the whole run, and nothing else is asked for.
TEST_F(FlagsTest, AnActionEndsTheProgramWithItsStatus) {
  flags_.Require("name");
  std::string got;
  flags_.Action("health", "HOST:PORT", "ask whether it is well", [&got](const std::string& text) {
    got = text;
    return 7;
  });
  const char* asked[] = {"moa-test", "--health", "127.0.0.1:1"};
  EXPECT_EQ(flags_.ParseOrExit(3, asked), 7);
  EXPECT_EQ(got, "127.0.0.1:1");
  EXPECT_THAT(flags_.Help(), HasSubstr("--health HOST:PORT"));

  const char* without[] = {"moa-test", "--name", "x"};
  EXPECT_EQ(flags_.ParseOrExit(3, without), std::nullopt);
}

TEST(FlagSetTest, ThePrefixOfVariablesCanBeChosen) {
  FlagSet flags({.name = "sim", .description = "", .version = "0", .env_prefix = "SIM_"});
  std::string key;
  flags.String("api-key", &key, "the key");
  ASSERT_OK(flags.Parse({}, [](const std::string& name) -> std::optional<std::string> {
    if (name == "SIM_API_KEY") return "k";
    return std::nullopt;
  }));
  EXPECT_EQ(key, "k");
}

}  // namespace
}  // namespace moa
