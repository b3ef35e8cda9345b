#include "client/moactl/challenge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/json/grades_json.h"
#include "common/document/document.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Grade MakeGrade(int total) {
  Grade grade{.total = total, .max = 120, .letter = LetterFor(total, 120)};
  grade.checks = {{"counts", total / 2, 60, "returned {\"a\":1}"},
                  {"sorts", total - total / 2, 60, "raised KeyError"}};
  return grade;
}

Attempt Graded(int total, uint64_t tokens = 1000) {
  return {.job_id = "J" + std::to_string(total),
          .grading_job_id = "G",
          .grade = MakeGrade(total),
          .tokens = tokens,
          .calls = 5,
          .cost_usd = 0.001,
          .latency_ms = 1234};
}

Configuration Of(const std::string& name, std::vector<Attempt> attempts) {
  return {.name = name, .file = name + ".yaml", .attempts = std::move(attempts)};
}

std::string Shown(const std::vector<StyledLine>& lines) {
  std::string text;
  for (const StyledLine& line : lines) text += Render(line, 200, false) + "\n";
  return text;
}

TEST(ChallengeTest, AGradeIsATableOfChecksAndTheTotal) {
  const std::string shown = Shown(GradeLines(MakeGrade(96)));
  EXPECT_THAT(shown, HasSubstr("counts   48/60  returned {\"a\":1}"));
  EXPECT_THAT(shown, HasSubstr("96/120  B"));
}

TEST(ChallengeTest, WhereNothingCountsTheReasonIsSaidOnce) {
  Grade grade = MakeGrade(0);
  grade.reason = "not Python: SyntaxError";
  for (CheckGrade& check : grade.checks) check.detail = "not counted: not Python: SyntaxError";
  EXPECT_EQ(Shown(GradeLines(grade)), "0/120  F  not Python: SyntaxError\n");
}

TEST(ChallengeTest, SeveralAttemptsShowEachAndTheChecksMeans) {
  Attempt failed{.job_id = "X", .error = "job X is FAILED: no answer"};
  const Configuration configuration = Of("a", {Graded(60), Graded(100), failed});
  EXPECT_EQ(configuration.graded(), 2u);
  EXPECT_EQ(configuration.mean(), 80);
  EXPECT_NEAR(configuration.deviation(), 28.28, 0.01);
  const std::string shown = Shown(RunLines(configuration));
  EXPECT_THAT(shown, HasSubstr("100/120"));
  EXPECT_THAT(shown, HasSubstr("job X is FAILED: no answer"));
  EXPECT_THAT(shown, HasSubstr("40.0/60"));
  EXPECT_THAT(shown, HasSubstr("80.0 of 120 on average, best 100, deviation 28.3"));
}

TEST(ChallengeTest, RanksByMeanThenByTokensAndUngradedOnesLast) {
  std::vector<Configuration> all = {Of("none", {Attempt{.error = "x"}}),
                                    Of("dear", {Graded(90, 900)}), Of("cheap", {Graded(90, 100)}),
                                    Of("best", {Graded(91)})};
  Rank(&all);
  std::vector<std::string> names;
  for (const Configuration& one : all) names.push_back(one.name);
  EXPECT_THAT(names, ElementsAre("best", "cheap", "dear", "none"));
  EXPECT_THAT(Shown(RankingLines(all)), HasSubstr("1/1"));
}

TEST(ChallengeTest, TheObjectOfARunIsItsBestGradeAndAllAttempts) {
  const std::string json = RunJson(Of("a", {Graded(60), Graded(100)}));
  EXPECT_THAT(json,
              testing::StartsWith(R"({"total":100,"max":120,"grade":"B","checks":{"counts":)"));
  EXPECT_THAT(json, HasSubstr(R"("name":"a","file":"a.yaml","mean":80.0)"));
  EXPECT_THAT(json, HasSubstr(R"({"job_id":"J60","grading_job_id":"G","total":60)"));
  Problems problems;
  EXPECT_TRUE(ReadJson(json, "json", problems).has_value()) << problems.ToString();
  const std::string none = RunJson(Of("a", {Attempt{.job_id = "X", .error = "why"}}));
  EXPECT_THAT(none, Not(HasSubstr("total")));
  EXPECT_THAT(none, HasSubstr(R"("error":"why")"));
}

TEST(ChallengeTest, TheTableForSpreadsheetsQuotesWhatNeedsIt) {
  Configuration odd = Of("a, \"b\"", {Graded(60), Attempt{.job_id = "X", .error = "line\nend"}});
  odd.file = "";
  EXPECT_EQ(RankingCsv({odd}),
            "rank,configuration,file,attempt,total,max,grade,tokens,calls,cost_usd,latency_ms,"
            "job_id,error,counts,sorts\n"
            "1,\"a, \"\"b\"\"\",,1,60,120,F,1000,5,0.001000,1234,J60,,30,30\n"
            "1,\"a, \"\"b\"\"\",,2,,,,0,0,0.000000,0,X,\"line\nend\",,\n");
}

TEST(ChallengeTest, TheLeaderboardNamesTheBestJob) {
  v1::LeaderboardRow row;
  row.set_name("a");
  row.set_config("0123abcd");
  row.set_mean(99.5);
  row.set_best(118);
  row.set_max(120);
  row.set_attempts(4);
  row.set_best_job_id("01KB");
  EXPECT_THAT(Shown(LeaderboardLines({row})), HasSubstr("99.5  118/120         4"));
  EXPECT_THAT(LeaderboardJson({row}),
              HasSubstr(R"("rank":1,"name":"a","config":"0123abcd","mean":99.5,"best":118)"));
}

}  // namespace
}  // namespace moa
