#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/grading/grade_json.h"
#include "common/grading/grader.h"
#include "common/grading/shipped_graders.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using OutcomeKind = EvaluationOutcome::Kind;

const Grader& Challenge() { return *FindShippedGrader("user-metrics"); }

// Each call returns `value` and leaves its arguments as they were.
Evaluation AllReturn(const std::string& value) {
  Evaluation evaluation;
  evaluation.kind = Evaluation::Kind::kLoaded;
  for (const EvaluationCall& call : Challenge().RequestFor("").calls) {
    evaluation.calls.push_back({OutcomeKind::kReturned, value, call.arguments, ""});
  }
  return evaluation;
}

EvaluationOutcome Raised() { return {OutcomeKind::kRaised, "", "[]", "KeyError: 'posts'"}; }

// The calls of each check, by their place in the request.
constexpr size_t kMutation = 6;
constexpr size_t kRobust = 9;
constexpr size_t kEfficient = 12;
constexpr size_t kCalls = 13;

size_t CallOf(const std::string& id) {
  size_t at = 0;
  for (const Check& check : Challenge().checks()) {
    if (check.id == id) return at;
    at += check.CallCount();
  }
  ADD_FAILURE() << "no check " << id;
  return 0;
}

int ScoreOf(const std::string& id, const Evaluation& evaluation) {
  for (const CheckGrade& check : Challenge().Score(evaluation).checks) {
    if (check.id == id) return check.score;
  }
  return -1;
}

std::string Posts(const std::string& list) {  // "99 98" as top performers
  std::string performers;
  if (!list.empty())
    performers =
        absl::StrCat("{\"posts\":", absl::StrReplaceAll(list, {{" ", "},{\"posts\":"}}), "}");
  return absl::StrCat("{\"top_performers\":[", performers, "]}");
}

// The rows of the table: what the check's call returns ("!" is an exception), and the points.
TEST(UserMetricsTest, EachRowOfTheTableGivesItsPoints) {
  const std::vector<std::tuple<std::string, std::string, int>> rows = {
      {"handles_division_by_zero", R"({"average_engagement":0})", 20},
      {"handles_division_by_zero", R"({"average_engagement":null})", 20},
      {"handles_division_by_zero", R"({"active_count":0})", 5},
      {"handles_division_by_zero", "null", 5},
      {"handles_division_by_zero", R"("average_engagement")", 5},
      {"handles_division_by_zero", "!", 0},
      {"handles_empty_users_list", R"({"active_count":0})", 15},
      {"handles_empty_users_list", R"({"active_count":0.0})", 15},
      {"handles_empty_users_list", R"({"active_count":"0"})", 5},
      {"handles_empty_users_list", "{}", 5},
      {"handles_empty_users_list", "null", 5},
      {"handles_empty_users_list", "!", 0},
      {"handles_missing_keys", "null", 15},
      {"handles_missing_keys", "!", 0},
      {"correct_average_calculation", R"({"average_engagement":2.95})", 15},
      {"correct_average_calculation", R"({"average_engagement":2.9599})", 15},
      {"correct_average_calculation", R"({"average_engagement":2.9401})", 15},
      {"correct_average_calculation", R"({"average_engagement":2.961})", 5},
      {"correct_average_calculation", R"({"average_engagement":14.75})", 0},
      {"correct_average_calculation", R"({"average_engagement":14.7401})", 0},
      {"correct_average_calculation", R"({"average_engagement":14.77})", 5},
      {"correct_average_calculation", R"({"average_engagement":"2.95"})", 5},
      {"correct_average_calculation", R"({"average_engagement":{"$type":"float"}})", 5},
      {"correct_average_calculation", "{}", 5},
      {"correct_average_calculation", "2.95", 0},
      {"correct_average_calculation", "!", 0},
      {"correct_sorting_direction", Posts("10 5 1"), 10},
      {"correct_sorting_direction", Posts("10"), 10},
      {"correct_sorting_direction", Posts("1 5 10"), 0},
      {"correct_sorting_direction", Posts("5 10 1"), 5},
      {"correct_sorting_direction", R"({"top_performers":[{}]})", 5},
      {"correct_sorting_direction", Posts(""), 0},
      {"correct_sorting_direction", "{}", 0},
      {"correct_sorting_direction", R"({"top_performers":[1,2]})", 0},
      {"correct_sorting_direction", R"({"top_performers":null})", 0},
      {"correct_sorting_direction", "null", 0},
      {"correct_sorting_direction", "!", 0},
      {"handles_no_active_users", R"({"active_count":0,"average_engagement":0.0})", 10},
      {"handles_no_active_users", R"({"active_count":0,"average_engagement":null})", 5},
      {"handles_no_active_users", R"({"active_count":1,"average_engagement":0})", 5},
      {"handles_no_active_users", R"({"average_engagement":0})", 5},
      {"handles_no_active_users", "[]", 0},
      {"handles_no_active_users", "!", 0},
      {"doesnt_mutate_input", "null", 8},
      {"doesnt_mutate_input", "!", 0},
      {"handles_less_than_5_users", Posts("20 10"), 5},
      {"handles_less_than_5_users", R"({"top_performers":[1,2]})", 5},
      {"handles_less_than_5_users", R"({"top_performers":"ab"})", 0},
      {"handles_less_than_5_users", Posts("20"), 0},
      {"handles_less_than_5_users", "{}", 0},
      {"handles_less_than_5_users", "null", 0},
      {"handles_less_than_5_users", "!", 0},
      {"handles_invalid_dates", R"({"active_count":0})", 5},
      {"handles_invalid_dates", R"({"active_count":1})", 3},
      {"handles_invalid_dates", "{}", 3},
      {"handles_invalid_dates", "null", 2},
      {"handles_invalid_dates", "!", 2},
      {"efficient_implementation", Posts("99 98 97 96 95"), 10},
      {"efficient_implementation", Posts("99.0 98 97 96 95"), 10},
      {"efficient_implementation", Posts("95 96 97 98 99"), 8},
      {"efficient_implementation", Posts("99 1 2 3 4"), 8},
      {"efficient_implementation", Posts("99 99 98 97 96"), 3},
      {"efficient_implementation", Posts("4 3 2 1 0"), 3},
      {"efficient_implementation", Posts("99 98 97 96"), 2},
      {"efficient_implementation", "{}", 2},
      {"efficient_implementation", Posts("99 98 97 96 95 94"), 0},
      {"efficient_implementation", R"({"top_performers":[1,2,3,4,5]})", 0},
      {"efficient_implementation", "null", 0},
      {"efficient_implementation", "!", 0},
  };
  for (const auto& [id, value, points] : rows) {
    Evaluation evaluation = AllReturn("null");
    EvaluationOutcome& outcome = evaluation.calls[CallOf(id)];
    if (value == "!") {
      outcome = Raised();
    } else {
      outcome.value = value;
    }
    EXPECT_EQ(ScoreOf(id, evaluation), points) << id << " " << value;
  }
}

TEST(UserMetricsTest, RobustnessCountsTheRunsThatReturn) {
  const int points[] = {7, 4, 2, 0};
  Evaluation evaluation = AllReturn("null");
  for (size_t raised = 0; raised <= 3; ++raised) {
    EXPECT_EQ(ScoreOf("robust_error_handling", evaluation), points[raised]) << raised;
    if (raised < 3) evaluation.calls[kRobust + raised] = Raised();
  }
}

TEST(UserMetricsTest, AnyChangeOfTheInputIsSeen) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"posts\":10", "\"posts\":11"},
           {"\"posts\":10", "\"posts\":10.0"},
           {"\"posts\":10", "\"posts\":10,\"more\":null"},
           {"\"posts\":10,", ""},
           {"[[{", "[[{},{"},
           {"2024-01-15", "2024-01-16"}}) {
    Evaluation evaluation = AllReturn("null");
    std::string& arguments = evaluation.calls[kMutation].arguments;
    const std::string before = arguments;
    arguments = absl::StrReplaceAll(before, {{from, to}});
    ASSERT_NE(arguments, before) << from;
    EXPECT_EQ(ScoreOf("doesnt_mutate_input", evaluation), 0) << to;
  }
  // The order of a dict's keys is no difference, as in Python.
  Evaluation evaluation = AllReturn("null");
  evaluation.calls[kMutation].arguments =
      R"([[{"days_active":10,"posts":10,"comments":5,"likes":20,"last_login":"2024-01-15"}],"2024-01-01","2024-01-31"])";
  EXPECT_EQ(ScoreOf("doesnt_mutate_input", evaluation), 8);
}

TEST(UserMetricsTest, TheInputsAreThoseOfTheTable) {
  const EvaluationRequest request = Challenge().RequestFor("source");
  EXPECT_EQ(request.source, "source");
  EXPECT_EQ(request.function, "calculate_user_metrics");
  ASSERT_EQ(request.calls.size(), kCalls);
  const std::string dates = R"(,"2024-01-01","2024-01-31"])";
  const std::string active =
      R"({"last_login":"2024-01-15","posts":10,"comments":5,"likes":20,"days_active":10})";
  const auto with = [&](const std::string& from, const std::string& to) {
    return absl::StrCat("[[", absl::StrReplaceAll(active, {{from, to}}), "]", dates);
  };
  EXPECT_EQ(request.calls[0].arguments, with("\"days_active\":10", "\"days_active\":0"));
  EXPECT_EQ(request.calls[1].arguments, "[[]" + dates);
  EXPECT_EQ(request.calls[2].arguments, R"([[{"last_login":"2024-01-15","posts":10}])" + dates);
  EXPECT_EQ(request.calls[5].arguments, with("2024-01-15", "2023-12-15"));
  EXPECT_EQ(request.calls[8].arguments,
            absl::StrCat("[[", active, R"(],"2024-01-31","2024-01-01"])"));
  EXPECT_EQ(request.calls[kRobust].arguments, with("\"posts\":10", "\"posts\":null"));
  EXPECT_EQ(request.calls[kRobust + 1].arguments, with("\"posts\":10", "\"posts\":-5"));
  EXPECT_EQ(request.calls[kRobust + 2].arguments, with("\"posts\":10", "\"posts\":\"10\""));
  std::string hundred;
  for (int i = 0; i < 100; ++i) {
    absl::StrAppend(
        &hundred, i == 0 ? "" : ",",
        absl::StrReplaceAll(
            R"({"last_login":"2024-01-15","posts":N,"comments":N,"likes":N,"days_active":10})",
            {{"N", absl::StrCat(i)}}));
  }
  EXPECT_EQ(request.calls[kEfficient].arguments, absl::StrCat("[[", hundred, "]", dates));
}

TEST(UserMetricsTest, AKilledProcessMakesTheTotalZeroWhereverItHappens) {
  for (size_t at = 0; at < kCalls; ++at) {
    Evaluation evaluation = AllReturn(R"({"active_count":0,"average_engagement":0})");
    for (size_t i = at; i < kCalls; ++i) evaluation.calls[i] = {};
    evaluation.calls[at] = {OutcomeKind::kKilled, "", "", "SystemExit"};
    const Grade grade = Challenge().Score(evaluation);
    EXPECT_EQ(grade.total, 0) << at;
    EXPECT_EQ(grade.letter, "F");
    EXPECT_THAT(grade.reason, HasSubstr("the process ended while"));
    EXPECT_THAT(grade.reason, HasSubstr("SystemExit"));
    for (const CheckGrade& check : grade.checks) EXPECT_EQ(check.score, 0) << check.id;
  }
}

// Outcome: what was done before the timeout counts, the check that hung and all after it give nothing.
TEST(UserMetricsTest, TheFirstTimeoutEndsTheGrading) {
  Evaluation evaluation = AllReturn("null");
  for (size_t i = kRobust + 1; i < kCalls; ++i) evaluation.calls[i] = {};
  evaluation.calls[kRobust + 1].kind = OutcomeKind::kTimeout;
  const Grade grade = Challenge().Score(evaluation);
  EXPECT_EQ(grade.total, 5 + 5 + 15 + 0 + 0 + 0 + 8 + 0 + 2);
  EXPECT_THAT(grade.reason, IsEmpty());
  EXPECT_THAT(grade.checks[9].detail, HasSubstr("took too long"));
  EXPECT_THAT(grade.checks[10].detail, HasSubstr("was not run"));
}

TEST(UserMetricsTest, WhatCannotBeLoadedIsZeroWithTheReason) {
  for (const auto& [kind, reason] : std::vector<std::pair<Evaluation::Kind, std::string>>{
           {Evaluation::Kind::kNotPython, "not Python: E"},
           {Evaluation::Kind::kNoFunction, "there is no function calculate_user_metrics"},
           {Evaluation::Kind::kRaised, "the code raised before the function could be called: E"},
           {Evaluation::Kind::kTimeout,
            "the code took too long before the function could be called"},
           {Evaluation::Kind::kKilled,
            "the process ended before the function could be called: E"}}) {
    Evaluation evaluation = AllReturn("null");  // not to be looked at
    evaluation.kind = kind;
    evaluation.error = "E";
    const Grade grade = Challenge().Score(evaluation);
    EXPECT_EQ(grade.total, 0);
    EXPECT_EQ(grade.max, 120);
    EXPECT_EQ(grade.reason, reason);
    EXPECT_EQ(grade.checks.size(), 11u);
  }
}

TEST(UserMetricsTest, LettersChangeAtTheirShares) {
  for (const auto& [total, letter] : std::vector<std::pair<int, std::string>>{{120, "A"},
                                                                              {108, "A"},
                                                                              {107, "B"},
                                                                              {96, "B"},
                                                                              {95, "C"},
                                                                              {84, "C"},
                                                                              {83, "D"},
                                                                              {72, "D"},
                                                                              {71, "F"},
                                                                              {0, "F"}}) {
    EXPECT_EQ(LetterFor(total, 120), letter) << total;
  }
}

TEST(UserMetricsTest, ValuesThatCannotBeReadAreForeign) {
  for (const char* value : {"", "{", "NaN", "[1,]"}) {
    EXPECT_EQ(ScoreOf("handles_division_by_zero", AllReturn(value)), 5) << value;
    EXPECT_EQ(ScoreOf("handles_invalid_dates", AllReturn(value)), 2) << value;
  }
}

TEST(UserMetricsTest, ItsGradeHasTheShapeThatScriptsRelyOn) {
  const Grade grade = {
      96, 120, "B", {{"one", 15, 20, "it \"returned\" 5"}, {"two", 0, 7, "\xff"}}, ""};
  EXPECT_EQ(
      GradeJson(grade),
      R"({"total":96,"max":120,"grade":"B","checks":{"one":{"score":15,"max":20,"detail":"it \"returned\" 5"},)"
      "\"two\":{\"score\":0,\"max\":7,\"detail\":\"\xEF\xBF\xBD\"}}}");
  const Grade zero = {0, 120, "F", {}, "not Python"};
  EXPECT_EQ(GradeJson(zero),
            R"({"total":0,"max":120,"grade":"F","reason":"not Python","checks":{}})");
}

}  // namespace
}  // namespace moa
