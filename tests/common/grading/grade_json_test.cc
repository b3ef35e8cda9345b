#include "common/grading/grade_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/grading/shipped_graders.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::Not;

Grade Some() {
  Grade grade{.total = 90, .max = 120, .letter = "C"};
  grade.checks = {{"good", 60, 60, "returned 1"},
                  {"bad", 30, 60, "another value; it returned \"x\""}};
  return grade;
}

void ExpectSame(const Grade& a, const Grade& b) {
  EXPECT_EQ(a.total, b.total);
  EXPECT_EQ(a.max, b.max);
  EXPECT_EQ(a.letter, b.letter);
  EXPECT_EQ(a.reason, b.reason);
  ASSERT_EQ(a.checks.size(), b.checks.size());
  for (size_t i = 0; i < a.checks.size(); ++i) {
    EXPECT_EQ(a.checks[i].id, b.checks[i].id);
    EXPECT_EQ(a.checks[i].score, b.checks[i].score);
    EXPECT_EQ(a.checks[i].max, b.checks[i].max);
    EXPECT_EQ(a.checks[i].detail, b.checks[i].detail);
  }
}

TEST(GradeJsonTest, BothFormsReadBackAsTheyWere) {
  Grade grade = Some();
  ExpectSame(*ReadGradeJson(GradeJson(grade)), grade);
  ExpectSame(*ReadGradeJson(GradeReplyJson(grade)), grade);
  grade.reason = "not Python";
  ExpectSame(*ReadGradeJson(GradeReplyJson(grade)), grade);
}

TEST(GradeJsonTest, AVerdictAcceptsFullMarksAlone) {
  Grade grade = Some();
  EXPECT_THAT(GradeReplyJson(grade), HasSubstr(R"("score":7.5,"accept":false)"));
  grade.total = 120;
  EXPECT_THAT(GradeReplyJson(grade), HasSubstr(R"("score":10.0,"accept":true)"));
}

TEST(GradeJsonTest, FeedbackNamesWhatLostPointsAndIsBounded) {
  EXPECT_EQ(Feedback(Some()), "90 of 120 points.\nbad, 30 of 60: another value; it returned \"x\"");
  Grade grade = Some();
  grade.reason = "there is no function f";
  for (CheckGrade& check : grade.checks) check.detail = kNotCounted + grade.reason;
  EXPECT_EQ(Feedback(grade), "90 of 120 points. Nothing counts: there is no function f.");
  grade = Some();
  for (int i = 0; i < 1000; ++i) grade.checks.push_back({"more", 0, 1, "ü"});
  EXPECT_LE(Feedback(grade).size(), 3000u);
  EXPECT_GT(Feedback(grade).size(), 2990u);
}

TEST(GradeJsonTest, WhatIsNoGradeIsRefused) {
  for (const char* json : {"", "[]", "{}", R"({"total":1,"max":0,"grade":"F","checks":{}})",
                           R"({"total":-1,"max":10,"grade":"F","checks":{}})",
                           R"({"total":1,"max":10,"grade":"F","checks":{"a":{"score":1}}})"}) {
    EXPECT_FALSE(ReadGradeJson(json).has_value()) << json;
  }
}

TEST(ShippedGradersTest, EachHasATaskThatNamesItsFunctionAndItsFile) {
  for (const Grader& grader : ShippedGraders()) {
    EXPECT_THAT(grader.task(), HasSubstr(grader.function()));
    EXPECT_THAT(std::string(ShippedGraderText(grader.name())), HasSubstr("name: " + grader.name()));
  }
  EXPECT_EQ(ShippedGraderText("no-such"), "");
  // What is checked is not told.
  const std::string task = FindShippedGrader("user-metrics")->task();
  for (const char* hint : {"division", "missing", "mutate", "empty", "None"}) {
    EXPECT_THAT(task, Not(HasSubstr(hint)));
  }
}

}  // namespace
}  // namespace moa
