#include "simulator/faults.h"

#include "common/base/status_matchers.h"

namespace moa::simulator {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const absl::Time kStart = absl::FromUnixSeconds(1'000'000);

FaultSpec Parse(absl::string_view text) {
  absl::StatusOr<FaultSpec> spec = ParseFault(text);
  EXPECT_OK(spec);
  return spec.ok() ? *std::move(spec) : FaultSpec();
}

// Which of `count` equal requests are struck: "x" or "." for each.
std::string Pattern(absl::string_view text, int count, uint64_t seed = 1) {
  Faults faults({Parse(text)}, seed, kStart);
  std::string out;
  for (int i = 0; i < count; ++i) out += faults.Select("m", "a prompt", kStart).empty() ? '.' : 'x';
  return out;
}

TEST(FaultSpecTest, ReadsKindsValuesAndConditions) {
  const FaultSpec spec = Parse(
      "status=503:html,p=0.25,nth=2,first=3,every=4,after=5,model=q,prompt=a=b,at=6,retry-after=7");
  EXPECT_EQ(spec.kind, FaultKind::kStatus);
  EXPECT_EQ(spec.status, 503);
  EXPECT_EQ(spec.variant, "html");
  EXPECT_EQ(spec.probability, 0.25);
  EXPECT_EQ(spec.nth, 2);
  EXPECT_EQ(spec.first, 3);
  EXPECT_EQ(spec.every, 4);
  EXPECT_EQ(spec.after, 5);
  EXPECT_EQ(spec.model, "q");
  EXPECT_EQ(spec.prompt, "a=b");
  EXPECT_EQ(spec.at, 6);
  EXPECT_EQ(spec.retry_after, 7);
  EXPECT_EQ(Parse("slow=1.5s").delay, absl::Milliseconds(1'500));
  EXPECT_EQ(Parse("status=429").variant, "requests");
}

TEST(FaultSpecTest, EveryKindOfTheHelpTextParses) {
  for (const char* kind : {"status=500",
                           "status=429:queue",
                           "status=429:http-date",
                           "reset",
                           "hang",
                           "slow=1s",
                           "html",
                           "truncate",
                           "reset-stream",
                           "hang-stream",
                           "error-event",
                           "error-named-event",
                           "broken-json",
                           "invalid-utf8",
                           "split-utf8",
                           "split-lines",
                           "crlf",
                           "comments",
                           "no-ratelimit-headers",
                           "length-empty",
                           "content-and-reasoning",
                           "usage-chunk"}) {
    EXPECT_OK(ParseFault(kind));
  }
}

struct BadSpec {
  const char* text;
  const char* says;
};

class BadFaultSpecTest : public testing::TestWithParam<BadSpec> {};

TEST_P(BadFaultSpecTest, SaysWhatIsWrong) {
  EXPECT_THAT(ParseFault(GetParam().text),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().says)));
}

INSTANTIATE_TEST_SUITE_P(
    Specs, BadFaultSpecTest,
    testing::Values(
        BadSpec{"", "there is no kind ''"}, BadSpec{"rest", "choose status, reset, hang"},
        BadSpec{"status", "needs a code"}, BadSpec{"status=", "needs a code"},
        BadSpec{"status=200", "'200' is no status from 400 to 599"},
        BadSpec{"status=x", "'x' is no status"},
        BadSpec{"status=503:queue", "there is no variant 'queue' of 503"},
        BadSpec{"slow", "slow needs a duration"}, BadSpec{"slow=0s", "slow needs a duration"},
        BadSpec{"slow=inf", "slow needs a duration"}, BadSpec{"reset=1", "reset takes no value"},
        BadSpec{"reset,p", "'p' is no condition=value"},
        BadSpec{"reset,p=", "'p=' is no condition=value"},
        BadSpec{"reset,p=1.1", "p is a number from 0 to 1"},
        BadSpec{"reset,p=nan", "p is a number from 0 to 1"},
        BadSpec{"reset,nth=0", "nth is a whole number from 1"},
        BadSpec{"reset,first=x", "first is a whole number"},
        BadSpec{"reset,every=-1", "every is a whole number"},
        BadSpec{"reset,retry-after=100000", "retry-after is a whole number"},
        BadSpec{"reset,when=now", "there is no condition 'when'"},
        BadSpec{"slow=x1", "slow=x takes a factor above 1"},
        BadSpec{"slow=xfast", "slow=x takes a factor above 1"},
        BadSpec{"reset,from=soon", "from is a duration"},
        BadSpec{"reset,for=-1s", "for is a duration"},
        BadSpec{"reset,", "'' is no condition=value"}));

TEST(FaultsTest, CountConditionsChooseRequests) {
  EXPECT_EQ(Pattern("reset", 4), "xxxx");
  EXPECT_EQ(Pattern("reset,nth=3", 5), "..x..");
  EXPECT_EQ(Pattern("reset,first=2", 5), "xx...");
  EXPECT_EQ(Pattern("reset,every=2", 5), ".x.x.");
  EXPECT_EQ(Pattern("reset,after=2", 5), "..xxx");
  EXPECT_EQ(Pattern("reset,after=2,first=3", 5), "..x..");
}

TEST(FaultsTest, ProbabilityIsAFunctionOfTheSeed) {
  const std::string pattern = Pattern("reset,p=0.3", 1'000, 5);
  EXPECT_EQ(pattern, Pattern("reset,p=0.3", 1'000, 5));
  EXPECT_NE(pattern, Pattern("reset,p=0.3", 1'000, 6));
  EXPECT_NEAR(static_cast<double>(std::count(pattern.begin(), pattern.end(), 'x')), 300, 60);
  EXPECT_EQ(Pattern("reset,p=0", 100), std::string(100, '.'));
}

// Both ends are counted from when the faults were set, and what comes outside is not counted.
TEST(FaultsTest, AWindowOfTimeOpensAndCloses) {
  Faults faults({Parse("reset,from=5s,for=10s")}, 1, kStart);
  const auto struck = [&](int seconds) {
    return !faults.Select("m", "p", kStart + absl::Seconds(seconds)).empty();
  };
  EXPECT_FALSE(struck(4));
  EXPECT_TRUE(struck(5));
  EXPECT_TRUE(struck(14));
  EXPECT_FALSE(struck(15));
  EXPECT_THAT(faults.Json(), testing::HasSubstr(R"("matched":2,"struck":2)"));
  ASSERT_OK(faults.Replace({Parse("reset,for=1s")}, kStart + absl::Seconds(20)));
  EXPECT_TRUE(struck(20));
  EXPECT_FALSE(struck(21));
}

TEST(FaultsTest, SlownessIsADurationOrAFactor) {
  EXPECT_EQ(Parse("slow=250ms").delay, absl::Milliseconds(250));
  EXPECT_EQ(Parse("slow=250ms").factor, 1);
  EXPECT_EQ(Parse("slow=x10,p=0.01").factor, 10);
}

TEST(FaultsTest, CountsOnlyRequestsThatMeetModelAndPrompt) {
  Faults faults({Parse("reset,model=q,prompt=critic,nth=2")}, 1, kStart);
  EXPECT_THAT(faults.Select("q", "a critic", kStart), SizeIs(0));
  EXPECT_THAT(faults.Select("m", "a critic", kStart), SizeIs(0));
  EXPECT_THAT(faults.Select("q", "a planner", kStart), SizeIs(0));
  EXPECT_THAT(faults.Select("q", "the critic", kStart), SizeIs(1));
}

TEST(FaultsTest, OneEndAtMostButAnyNumberOfOddities) {
  Faults faults({Parse("crlf"), Parse("truncate"), Parse("reset"), Parse("comments")}, 1, kStart);
  const std::vector<FaultSpec> selected = faults.Select("m", "p", kStart);
  ASSERT_THAT(selected, SizeIs(3));
  EXPECT_EQ(selected[1].kind, FaultKind::kTruncate);
  EXPECT_EQ(
      faults.Json(),
      R"([{"spec":"crlf","matched":1,"struck":1},{"spec":"truncate","matched":1,"struck":1},)"
      R"({"spec":"reset","matched":1,"struck":0},{"spec":"comments","matched":1,"struck":1}])");
}

TEST(FaultsTest, ReplacingStartsCountingAnew) {
  Faults faults({Parse("reset,nth=1")}, 1, kStart);
  EXPECT_THAT(faults.Select("m", "p", kStart), SizeIs(1));
  ASSERT_OK(faults.Replace({Parse("hang,nth=1")}, kStart));
  EXPECT_THAT(faults.Select("m", "p", kStart), SizeIs(1));
  ASSERT_OK(faults.Replace({}, kStart));
  EXPECT_THAT(faults.Select("m", "p", kStart), SizeIs(0));
  EXPECT_THAT(faults.Replace(std::vector<FaultSpec>(101), kStart),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace moa::simulator
