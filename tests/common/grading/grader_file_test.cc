#include "common/grading/grader_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/grading/grade_json.h"
#include "common/grading/shipped_graders.h"

namespace moa {
namespace {

using testing::HasSubstr;

std::optional<Grader> Read(const std::string& yaml, std::string* problems = nullptr) {
  Problems found;
  std::optional<Grader> grader = ReadGrader(yaml, "g.yaml", found);
  EXPECT_EQ(grader.has_value(), found.empty()) << found.ToString();
  if (problems != nullptr) *problems = found.ToString();
  return grader;
}

// A grader of one check, `check` being its lines after the id.
std::string OneCheck(const std::string& check) {
  return absl::StrCat("name: n\nfunction: f\nchecks:\n  - id: c\n    ", check, "\n");
}

// A grader of one rule of 1 point.
std::string OneRule(const std::string& when) {
  return OneCheck(absl::StrCat("args: [[3, 1, 2]]\n    score: [{points: 1, when: ", when, "}]"));
}

TEST(GraderFileTest, EveryMistakeIsReportedWithItsLineAndField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{}", "g.yaml:1: name: is missing"},
      {"{}", "function: is missing"},
      {"{}", "checks: is missing"},
      {"[]", "must be a mapping of fields, not a list"},
      {"name: a b\nfunction: f\nchecks: []", "g.yaml:1: name: must be 1 to 64 of"},
      {"name: a\nfunction: 2f\nchecks: []",
       "g.yaml:2: function: must be the name of a Python function"},
      {"name: a\nfunction: f\nchecks: []", "g.yaml:3: checks: must hold a check"},
      {"name: a\nfuncton: f", "g.yaml:2: functon: unknown field; did you mean \"function\"?"},
      {OneCheck("points: 3"), "checks[0]: needs args (one call), calls (several), or cases"},
      {OneCheck("args: []"), "checks[0].score: is missing"},
      {OneCheck("args: []\n    score: []"), "g.yaml:6: checks[0].score: must hold a rule"},
      {OneCheck("args: 5\n    score: []"), "g.yaml:5: checks[0].args: must be a list"},
      {OneCheck("args: []\n    calls: [[]]\n    score: []"), "checks[0].calls: stands beside args"},
      {OneCheck("calls: []\n    score: []"), "checks[0].calls: must hold a call"},
      {OneCheck("calls: [5]\n    score: []"), "checks[0].calls[0]: must be a list"},
      {OneCheck("cases: []"), "g.yaml:5: checks[0].cases: must hold a case"},
      {OneCheck("cases: [{args: [], points: 1, equals: 1}]\n    score: []"),
       "checks[0].score: stands beside cases"},
      {OneCheck("cases: [{points: 1, equals: 1}]"), "checks[0].cases[0].args: is missing"},
      {OneCheck("cases: [{args: [], equals: 1}]"), "checks[0].cases[0].points: is missing"},
      {OneCheck("cases: [{args: [], points: 1}]"), "checks[0].cases[0]: compares nothing"},
      {OneCheck("cases: [{args: [], points: 1, equals: 1, when: {equals: 1}}]"),
       "cases[0].when: stands beside comparisons"},
      {OneCheck("cases: [{args: [], points: 1, equal: 1}]"),
       "cases[0].equal: unknown field; did you mean \"equals\"?"},
      {OneCheck("cases: [{args: [], points: 1.5, equals: 1}]"), "points: must be a whole number"},
      {OneCheck("cases: [{args: [], points: 10001, equals: 1}]"),
       "points: must be from 0 to 10000"},
      {OneCheck("cases: [{args: [], points: 0, equals: 1}]"), "checks: give no points"},
      {OneCheck("cases: [{args: [True], points: 1, equals: 1}]"),
       "cases[0].args: True is text here"},
      {OneCheck("cases: [{args: [{a: [None]}], points: 1, equals: 1}]"), "None is text here"},
      {OneCheck("cases: [{args: [], points: 1, equals: .5}]"),
       "cases[0].equals: .5 is no number of JSON's"},
      {OneCheck("cases: [{args: [], points: 1, equals: nan}]"), "nan is no number of JSON's"},
      {OneRule("{}"), "score[0].when: must hold a condition"},
      {OneRule("[]"), "score[0].when: must hold a condition"},
      {OneRule("5"), "score[0].when: must be a mapping of fields"},
      {OneRule("[{returns: true}, {retruns: true}]"),
       "score[0].when[1].retruns: unknown field; did you mean \"returns\"?"},
      {OneRule("{returns: false}"),
       "when.returns: can only be true; for the contrary write raises: true"},
      {OneRule("{raises: false}"), "when.raises: can only be true or names"},
      {OneRule("{raises: []}"), "when.raises: must name an exception"},
      {OneRule("{raises: \"\"}"), "when.raises: must name an exception"},
      {OneRule("{raises: true, equals: 1}"), "when: raises stands alone"},
      {OneRule("{raises: true, path: a}"), "when: raises stands alone"},
      {OneRule("{unchanged: 1}"), "when.unchanged: must be true or false"},
      {OneRule("{type: array}"),
       "when.type: must be dict, list, str, int, float, number, bool or none, not \"array\""},
      {OneRule("{length: -1}"), "when.length: must be from 0"},
      {OneRule("{unordered: 5}"), "when.unordered: must be a list"},
      {OneRule("{close: abc}"), "when.close: must be a number, or hold one"},
      {OneRule("{close: 1, tolerance: -1}"), "when.tolerance: must not be negative"},
      {OneRule("{equals: 1, tolerance: 1}"), "when.tolerance: belongs to close"},
      {OneRule("{path: a..b, equals: 1}"), "when.path: is no path as users[0].name"},
      {OneRule("{path: a}"),
       "when: has a path, a default or an argument, but nothing that is compared"},
      {OneRule("{path: a, returns: true}"), "but nothing that is compared"},
      {OneRule("{default: 1, equals: 1}"), "when.default: belongs to path"},
      {OneRule("{argument: 0, equals: 1}"), "when.argument: must be from 1 to 255"},
      {OneCheck("args: []\n    score: [{points: 1, min_calls: 2, when: {returns: true}}]"),
       "min_calls: must be from 1 to 1, not 2"},
      {"name: n\nfunction: f\nchecks:\n  - &c {id: c, cases: [{args: [], points: 1, equals: 1}]}\n "
       " - *c\n",
       "checks[1]: another check has the id c"},
      {"name: n\nfunction: f\nchecks: [{id: \"a b\"}]\n", "checks[0].id: must be 1 to 64 of"},
      {absl::StrCat("name: n\nfunction: f\nchecks:\n  - id: c\n    calls: [",
                    absl::StrJoin(std::vector<std::string>(1001, "[]"), ","),
                    "]\n    score: [{points: 1, when: {returns: true}}]\n"),
       "checks: make 1001 calls together, at most 1000"},
  };
  for (const auto& [yaml, wanted] : cases) {
    std::string problems;
    EXPECT_FALSE(Read(yaml, &problems).has_value()) << yaml;
    EXPECT_THAT(problems, HasSubstr(wanted)) << yaml;
  }
}

TEST(GraderFileTest, AllMistakesComeAtOnceInTheOrderOfTheirLines) {
  std::string problems;
  EXPECT_FALSE(Read("nam: n\nfunction: f-g\nchecks:\n  - id: c\n    args: 3\n", &problems));
  const std::vector<std::string> lines = absl::StrSplit(problems, '\n');
  ASSERT_EQ(lines.size(), 5u) << problems;
  EXPECT_THAT(problems, HasSubstr("g.yaml:2: function"));
  EXPECT_THAT(problems, HasSubstr("g.yaml:5: checks[0].args"));
  EXPECT_THAT(lines.back(), HasSubstr("g.yaml:5:"));
}

// What the one call of OneRule's grader, f([3, 1, 2]), gives.
struct Call {
  std::string value;  // "!E" is an exception E
  std::string arguments = "[[3,1,2]]";
};

Evaluation EvaluationOf(const Call& call) {
  Evaluation evaluation;
  evaluation.kind = Evaluation::Kind::kLoaded;
  EvaluationOutcome outcome = {EvaluationOutcome::Kind::kReturned, call.value, call.arguments, ""};
  if (absl::StartsWith(call.value, "!")) {
    outcome = {EvaluationOutcome::Kind::kRaised, "", call.arguments, call.value.substr(1)};
  }
  evaluation.calls.push_back(outcome);
  return evaluation;
}

TEST(GraderFileTest, ConditionsHoldForWhatTheySay) {
  const std::vector<std::tuple<std::string, Call, bool>> cases = {
      {"{returns: true}", {"null"}, true},
      {"{returns: true}", {"!ValueError: x"}, false},
      {"{raises: true}", {"!ValueError: x"}, true},
      {"{raises: true}", {"1"}, false},
      {"{raises: ValueError}", {"!ValueError: x"}, true},
      {"{raises: ValueError}", {"!ValueError"}, true},
      {"{raises: ValueError}", {"!OtherValueError: x"}, false},
      {"{raises: [KeyError, JSONDecodeError]}", {"!json.decoder.JSONDecodeError: x"}, true},
      {"{equals: 3}", {"3.0"}, true},
      {"{equals: null}", {"null"}, true},
      {"{equals: null}", {"0"}, false},
      {"{equals: \"3\"}", {"3"}, false},
      {"{equals: [1, {a: b}]}", {R"([1,{"a":"b"}])"}, true},
      {"{close: 0.3}", {"0.30000000000000004"}, true},
      {"{close: 0.3}", {"0.3001"}, false},
      {"{close: [1, 2], tolerance: 0.5}", {"[1.4,1.6]"}, true},
      {"{unordered: [1, 2, 3]}", {"[3,1,2]"}, true},
      {"{unordered: [1, 2, 2]}", {"[2,1,1]"}, false},
      {"{contains: 2}", {"[1,2]"}, true},
      {"{contains: ell}", {"\"hello\""}, true},
      {"{contains: a}", {R"({"a":1})"}, true},
      {"{contains: 1}", {"1"}, false},
      {"{type: int}", {"1"}, true},
      {"{type: int}", {"1.0"}, false},
      {"{type: int}", {"true"}, false},
      {"{type: float}", {"1.0"}, true},
      {"{type: number}", {"1"}, true},
      {"{type: bool}", {"false"}, true},
      {"{type: str}", {"\"\""}, true},
      {"{type: none}", {"null"}, true},
      {"{type: dict}", {"{}"}, true},
      {"{type: list}", {"{}"}, false},
      {"{length: 2}", {"\"\xC3\xA4\xC3\xB6\""}, true},
      {"{length_min: 2, length_max: 3}", {"[1,2,3]"}, true},
      {"{length_min: 2, length_max: 3}", {"[1]"}, false},
      {"{length: 0}", {"null"}, false},
      {"{distinct: true}", {"[1,2]"}, true},
      {"{distinct: true}", {"[1,1.0]"}, false},
      {"{at_least: 1, at_most: 2}", {"1.5"}, true},
      {"{at_least: 1, at_most: 2}", {"2.5"}, false},
      {"{at_least: 1}", {"\"5\""}, false},
      {"{unchanged: true}", {"1"}, true},
      {"{unchanged: true}", {"1", "[[1,2,3]]"}, false},
      {"{argument: 1, equals: [1, 2, 3]}", {"null", "[[1,2,3]]"}, true},
      {"{argument: 1, path: \"[0]\", equals: 3}", {"null"}, true},
      {"{argument: 2, equals: 1}", {"null"}, false},
      {"{path: \"a[0]\", equals: 1}", {R"({"a":[1]})"}, true},
      {"{path: a, default: 7, equals: 7}", {"{}"}, true},
      {"{path: a, default: null, equals: null}", {"{}"}, true},
      {"{path: a, equals: null}", {"{}"}, false},
      {"[{type: dict}, {path: a, equals: 1}]", {R"({"a":1})"}, true},
      {"[{type: dict}, {path: a, equals: 1}]", {R"({"a":2})"}, false},
      {"{path: a, equals: 1}", {"5"}, false},
  };
  for (const auto& [when, call, holds] : cases) {
    const std::optional<Grader> grader = Read(OneRule(when));
    ASSERT_TRUE(grader.has_value()) << when;
    const Grade grade = grader->Score(EvaluationOf(call));
    EXPECT_EQ(grade.total, holds ? 1 : 0)
        << when << " " << call.value << ": " << grade.checks[0].detail;
  }
}

// Situation: a key is read of a number. Outcome: the call counts as one that raised, for the rules before it too.
TEST(GraderFileTest, WhatCannotBeReadCountsAsRaised) {
  const std::optional<Grader> grader =
      Read(OneCheck("args: []\n    score:\n      - {points: 4, when: {raises: true}}\n"
                    "      - {points: 2, when: {path: a, equals: 1}}\n      - {points: 1, when: "
                    "{returns: true}}"));
  ASSERT_TRUE(grader.has_value());
  EXPECT_EQ(grader->Score(EvaluationOf({R"({"a":1})"})).total, 2);
  EXPECT_EQ(grader->Score(EvaluationOf({"{}"})).total, 1);
  const Grade grade = grader->Score(EvaluationOf({"5"}));
  EXPECT_EQ(grade.total, 4);
  EXPECT_THAT(grade.checks[0].detail, HasSubstr("returned 5, which cannot be read as expected"));
}

TEST(GraderFileTest, CasesGiveTheirPointsOneByOne) {
  const std::optional<Grader> grader = Read(
      "{\"name\": \"n\", \"function\": \"f\", \"checks\": [{\"id\": \"c\", \"cases\": ["
      "{\"args\": [1], \"points\": 2, \"equals\": 1}, {\"args\": [2], \"points\": 3, \"equals\": "
      "2}]}]}");
  ASSERT_TRUE(grader.has_value());
  EXPECT_EQ(grader->max(), 5);
  Evaluation evaluation = EvaluationOf({"1"});
  evaluation.calls.push_back(evaluation.calls[0]);
  const Grade grade = grader->Score(evaluation);
  EXPECT_EQ(grade.total, 2);
  EXPECT_EQ(grade.letter, "F");
  EXPECT_EQ(grade.checks[0].detail, "1 of 2 cases; case 2 returned 1");
}

TEST(GraderFileTest, TheShippedGradersAreRead) {
  ASSERT_EQ(ShippedGraders().size(), 1u);
  EXPECT_EQ(FindShippedGrader("user-metrics")->max(), 120);
  EXPECT_EQ(FindShippedGrader("nobody"), nullptr);
}

// docs/grading.md shows whole graders in blocks of YAML that begin with `name:`, and parts of one that begin with a dash,
// which are checks.
TEST(GraderFileTest, WhatTheDocumentShowsIsRead) {
  std::ifstream file(MOA_SOURCE_DIR "/docs/grading.md");
  std::stringstream stream;
  stream << file.rdbuf();
  const std::string text = stream.str();
  int blocks = 0;
  for (absl::string_view rest : absl::StrSplit(text, "```yaml\n")) {
    if (blocks++ == 0) continue;  // before the first
    std::string block(rest.substr(0, rest.find("```")));
    if (absl::StartsWith(block, "- ")) {
      block = absl::StrCat("name: n\nfunction: f\nchecks:\n", block);
    }
    std::string problems;
    EXPECT_TRUE(Read(block, &problems).has_value()) << block << problems;
  }
  EXPECT_GE(blocks, 4);
}

// The worked example of the document: its answer is scored as it says there.
TEST(GraderFileTest, TheWorkedExampleScoresAsTheDocumentSays) {
  std::ifstream file(MOA_SOURCE_DIR "/docs/grading.md");
  std::stringstream stream;
  stream << file.rdbuf();
  const std::string text = stream.str();
  const size_t yaml = text.find("```yaml\nname: merge-intervals");
  const size_t json = text.find("```json\n{\"total\"");
  ASSERT_NE(yaml, std::string::npos);
  ASSERT_NE(json, std::string::npos);
  const std::optional<Grader> grader =
      Read(text.substr(yaml + 8, text.find("```", yaml + 8) - yaml - 8));
  ASSERT_TRUE(grader.has_value());
  // def merge(intervals): intervals.sort(); …, which changes its argument and fails for None.
  Evaluation evaluation;
  evaluation.kind = Evaluation::Kind::kLoaded;
  const auto returned = [&](const std::string& value, const std::string& arguments) {
    evaluation.calls.push_back({EvaluationOutcome::Kind::kReturned, value, arguments, ""});
  };
  returned("[]", "[[]]");
  returned("[[1,4],[6,7]]", "[[[1,3],[2,4],[6,7]]]");
  returned("[[1,5]]", "[[[1,2],[2,5]]]");
  returned("[[1,2],[3,4]]", "[[[1,2],[3,4]]]");
  evaluation.calls.push_back({EvaluationOutcome::Kind::kRaised, "", "[null]",
                              "AttributeError: 'NoneType' object has no attribute 'sort'"});
  const std::string shown = text.substr(json + 8, text.find("```", json + 8) - json - 8);
  EXPECT_EQ(absl::StrReplaceAll(shown, {{"\n ", ""}, {"\n", ""}}),
            GradeJson(grader->Score(evaluation)));
}

}  // namespace
}  // namespace moa
