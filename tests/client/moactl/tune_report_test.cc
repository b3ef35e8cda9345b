#include "client/moactl/tune_report.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/document/document.h"
#include "common/jobfile/job_file.h"

namespace moa {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string Text(const std::vector<StyledLine>& lines) {
  std::string text;
  for (const StyledLine& line : lines) absl::StrAppend(&text, Render(line, 500, false), "\n");
  return text;
}

Standing Best() {
  return {.config = "bbbbbbbbbbbb",
          .settings = {{"a.on", "no"}, {"last.model", "m1"}, {"last.prompt", "2"}},
          .runs = 8,
          .mean = 110.25,
          .interval = {104, 116.5},
          .expected = 108.4,
          .tokens = 12'345.6,
          .cost_usd = 0.01234};
}

TuneView View() {
  TuneView view{.study = "0123456789ab", .trials = 60};
  StudyResult& result = view.result;
  result.max = 120;
  result.best = Best();
  result.base = Standing{.config = "aaaaaaaaaaaa",
                         .settings = {{"a.on", "yes"}, {"a.model", "m0"}, {"last.model", "m0"}},
                         .runs = 1,
                         .mean = 80,
                         .interval = {60, 100},
                         .expected = 85,
                         .tokens = 20'000};
  result.moa.mutable_aggregator()->set_model("m1");
  result.ranking = {*result.best, *result.base};
  result.front = {*result.best};
  result.agents = {{1, "a", 0.9, 0.91, 0.02, true}, {2, "b", 0.91, 0.5, 0.03, false}};
  result.spent = {60, 2, 700'000, 1.25};
  result.rewrites = {3, 1, 4, 2};
  return view;
}

TEST(TuneReportTest, AResultSaysWhatWasFoundAndHowSureItIs) {
  const std::string text = Text(TuneResultLines(View(), {"DONE", "all 60 trials have run"}));
  EXPECT_THAT(text, StartsWith("study 0123456789ab DONE: all 60 trials have run\n"
                               "spent 60 of 60 trials (2 failed), 700,000 tokens, $1.2500\n"
                               "best  bbbbbbbbbbbb  110.2 of 120 points in 8 runs, 95 % interval "
                               "104.0 to 116.5\n"
                               "base  aaaaaaaaaaaa  80.0 of 120 points in 1 run, "));
  EXPECT_THAT(text,
              ContainsRegex("bbbbbbbbbbbb +8 +110.2 +104.0 to 116.5 +108.4 +12,346 +\\$0.0123 "
                            "+a dropped, last.model m1, last.prompt 2\n"));
  EXPECT_THAT(text, ContainsRegex("aaaaaaaaaaaa +1 .* nothing\n"));
  EXPECT_THAT(text, ContainsRegex("1  a +108.0 +109.2 +2.4  dropped\n"));
  EXPECT_THAT(text, ContainsRegex("2  b +109.2 +60.0 +3.6  stays\n"));
  EXPECT_THAT(text, HasSubstr("prompts rewritten: 4 new ones of 3 replies, 1 unusable, 2 edits "
                              "dropped\n"));
}

TEST(TuneReportTest, NothingFoundIsNothingShown) {
  const TuneView view{.study = "s", .trials = 5};
  EXPECT_EQ(Text(TuneResultLines(view, {"INTERRUPTED", "interrupted"})),
            "study s INTERRUPTED: interrupted\nspent 0 of 5 trials, 0 tokens, $0.0000\n");
  EXPECT_EQ(Text(TuneProgressLines(view, absl::Seconds(3), 9)),
            "study s  0 of 5 trials, 0 tokens, $0.0000, 3.00 s\n");
}

TEST(TuneReportTest, TheScreenHasAsManyRowsAsFit) {
  TuneView view = View();
  view.doing = "4 trials are running";
  const std::string text = Text(TuneProgressLines(view, absl::Minutes(2), 1));
  EXPECT_THAT(text, HasSubstr("4 trials are running\n"));
  EXPECT_THAT(text, HasSubstr("bbbbbbbbbbbb"));
  EXPECT_THAT(text, Not(HasSubstr("aaaaaaaaaaaa")));
}

TEST(TuneReportTest, ALineForEachTrial) {
  Trial trial{.number = 7, .config = "cccccccccccc", .purpose = Purpose::kRepeat};
  const TrialResult graded{.score = 96, .max = 120, .tokens = 4512, .latency_ms = 12'300};
  EXPECT_EQ(TuneTrialLine(View(), trial, graded),
            "trial 7 of 60  cccccccccccc  repeat  96 of 120  4,512 tokens  12.30 s  best "
            "bbbbbbbbbbbb 110.2 in 8 runs");
  EXPECT_THAT(TuneTrialLine({.trials = 60}, trial, {.failure = "a\nb"}),
              StartsWith("trial 7 of 60  cccccccccccc  repeat  failed: a b  0 tokens"));
}

TEST(TuneReportTest, TheBestIsAJobFile) {
  v1::JobSpec job;
  job.set_name("base");
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content("Write it: \"x\"\nand more.");
  job.mutable_moa()->mutable_aggregator()->set_model("m0");
  const std::string text = BestJobFile(View(), job, "user-metrics");
  EXPECT_THAT(text,
              StartsWith("# Found by moactl tune, study 0123456789ab, configuration "
                         "bbbbbbbbbbbb, grader user-metrics.\n"
                         "# 110.2 of 120 points in 8 runs; 95 % interval 104.0 to 116.5.\n"
                         "# 12,346 tokens and $0.0123 a run.\n"
                         "# The base had 80.0 points in 1 run. Differs from it in: a dropped, "
                         "last.model m1, last.prompt 2.\n"));
  Problems problems;
  const std::optional<JobFile> read = ReadJobFile(text, "best.yaml", problems);
  ASSERT_TRUE(read.has_value()) << problems.ToString();
  EXPECT_EQ(read->spec.messages(0).content(), job.messages(0).content());
  EXPECT_EQ(read->spec.moa().aggregator().model(), "m1");
}

TEST(TuneReportTest, TheObjectHasWhatTheTablesHave) {
  Problems problems;
  const auto json =
      ReadJson(TuneJson(View(), {"DONE", "all 60 trials have run"}), "json", problems);
  ASSERT_TRUE(json.has_value()) << problems.ToString();
  EXPECT_EQ(json->Nearest("state").text, "DONE");
  EXPECT_EQ(json->Nearest("best.mean").text, "110.25");
  EXPECT_EQ(json->Nearest("best.high").text, "116.5");
  EXPECT_EQ(json->Nearest("best.settings").Find("a.on")->text, "no");
  EXPECT_EQ(json->Nearest("ranking").children.size(), 2u);
  EXPECT_EQ(json->Nearest("agents[0].with").text, "108.0");
  EXPECT_EQ(json->Nearest("rewriting.prompts").text, "4");
  EXPECT_EQ(json->Nearest("spent.failed").text, "2");
}

}  // namespace
}  // namespace moa
