#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/simulator/coder_grading.h"
#include "tests/simulator/coder_oracle.h"
#include "tests/simulator/coder_rig.h"

// What the simulator takes for right and wrong is what the shipped grader does, in the sandbox.

namespace moa::simulator::coder {
namespace {

std::string AnswerWith(const Program& program) {
  return absl::StrCat("```python\n", PythonOf(program), "```\n");
}

void ExpectIntended(const Program& program, const Grade& grade, const std::string& answer) {
  const auto intended = IntendedPoints(program);
  ASSERT_EQ(grade.checks.size(), kIssues.size()) << answer;
  int total = 0;
  for (const Issue issue : kIssues) {
    const CheckGrade& check = grade.checks.at(IndexOf(issue));
    EXPECT_EQ(check.id, CheckOf(issue));
    EXPECT_EQ(check.score, intended.at(IndexOf(issue))) << check.id << ": " << check.detail << "\n"
                                                        << answer;
    total += intended.at(IndexOf(issue));
  }
  EXPECT_EQ(grade.total, total) << grade.reason << "\n" << answer;
}

// Situation: programs with any combination of right and faulty fragments. Outcome: each check gives what the fragments
// were meant to earn.
TEST(CoderGradeTest, TheGraderGivesWhatTheFragmentsAreMeantToEarn) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const Program program = MakeProgram(IssueSet((seed * 0x9e3779b97f4a7c15ULL) >> 20), seed, seed);
    const std::string answer = AnswerWith(program);
    const Grade grade = GradeOf(answer);
    EXPECT_EQ(grade.reason, "") << answer;
    ExpectIntended(program, grade, answer);
  }
}

// The answers with all that stands around the code: drafts, thoughts, examples.
TEST(CoderGradeTest, TheGraderFindsTheCodeInWholeAnswers) {
  for (int64_t seed = 1; seed <= 80; ++seed) {
    const ChatRequest request = RequestOf({.model = "qwen-3.8-27b", .temperature = 0.6}, seed);
    const std::string answer = ReplyTo(request, 1).content;
    ExpectIntended(ProgramIn(request, 1), GradeOf(answer), answer);
  }
}

TEST(CoderGradeTest, ARightProgramHasAllPointsInEveryStyle) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const std::string answer = AnswerWith(MakeProgram(IssueSet().set(), 1, seed));
    EXPECT_EQ(GradeOf(answer).total, 120) << answer;
  }
}

// Loops without end, files and exits meet the sandbox as it is.
TEST(CoderGradeTest, DisastersCostWhatTheyAreMeantTo) {
  for (const Disaster disaster : {Disaster::kSyntax, Disaster::kRenamed, Disaster::kEndless,
                                  Disaster::kFile, Disaster::kExits}) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      Program program = MakeProgram(IssueSet().set(), seed, seed);
      program.disaster = disaster;
      program.disaster_form = static_cast<int>(seed);
      const std::string answer = AnswerWith(program);
      const bool endless = disaster == Disaster::kEndless;
      const Grade grade = GradeOf(answer, absl::Seconds(endless ? 2 : 10));
      ExpectIntended(program, grade, answer);
      EXPECT_LE(grade.total, 2) << answer;
    }
  }
}

// Situation: a limit that ends in the middle of the code. Outcome: most of it is no Python any more; what is left of the
// rest is worth little.
TEST(CoderGradeTest, CodeThatIsCutOffIsWorthLittle) {
  int cut_off = 0;
  int whole = 0;
  int without_points = 0;
  for (int64_t seed = 1; seed <= 12; ++seed) {
    AgentCall call = {.effort = "low"};
    whole += GradeOf(ReplyTo(RequestOf(call, seed), 1).content).total;
    call.max_completion_tokens = 150;
    const Grade grade = GradeOf(ReplyTo(RequestOf(call, seed), 1).content);
    cut_off += grade.total;
    without_points += grade.reason.empty() ? 0 : 1;
  }
  EXPECT_GT(whole, 12 * 50);
  EXPECT_LT(cut_off, whole / 4);
  EXPECT_GE(without_points, 6);
}

// The same ranges as coder_odds_test.cc, wider for fewer seeds.
TEST(CoderGradeTest, ConfigurationsScoreInTheirDocumentedRanges) {
  struct Range {
    const char* name;
    double low, high;
  };
  constexpr Range kRanges[] = {{"single, plain", 60, 84},
                               {"two models, plain", 82, 102},
                               {"three specialists, two cycles", 104, 118}};
  constexpr uint64_t kSeeds = 50;
  for (const NamedMixture& named : DocumentedMixtures()) {
    for (const Range& range : kRanges) {
      if (named.name != std::string(range.name)) continue;
      double mean = 0;
      for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
        mean += GradeOf(AnswerOf(named.mixture, seed)).total / static_cast<double>(kSeeds);
      }
      EXPECT_GE(mean, range.low) << range.name;
      EXPECT_LE(mean, range.high) << range.name;
    }
  }
}

}  // namespace
}  // namespace moa::simulator::coder
