#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/document/document.h"
#include "common/document/field.h"
#include "common/grading/grader.h"
#include "common/grading/shipped_graders.h"

// Programs of all kinds are run by Python, scored here, and scored once more by a reference in Python that was written
// straight from the challenge's table and shares nothing with the grader: tests/common/grading/reference_scorer.py.

namespace moa {
namespace {

std::string Quoted(const std::string& json) {
  std::string out = "\"";
  for (const char byte : json) {
    if (byte == '"' || byte == '\\') out += '\\';
    out += byte;
  }
  return out + "\"";
}

std::string RequestJson(const EvaluationRequest& request) {
  std::string calls;
  for (const EvaluationCall& call : request.calls) {
    absl::StrAppend(&calls, calls.empty() ? "" : ",", Quoted(call.arguments));
  }
  return absl::StrCat("{\"function\":", Quoted(request.function), ",\"calls\":[", calls, "]}");
}

// What a command prints.
std::string OutputOf(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr) << command;
  std::string out;
  std::array<char, 65536> buffer;
  for (size_t size = 0; (size = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    out.append(buffer.data(), size);
  }
  EXPECT_EQ(pclose(pipe), 0) << command;
  return out;
}

// What grade_all.py prints, with the calls of `grader`.
std::optional<Document> GradeAll(const Grader& grader, Problems& problems) {
  const std::string path =
      (std::filesystem::temp_directory_path() / absl::StrCat("moa-grading-", getpid(), ".json"))
          .string();
  std::ofstream(path) << RequestJson(grader.RequestFor(""));
  const std::string out =
      OutputOf(absl::StrCat("timeout 280 python3 -B '", MOA_SOURCE_DIR,
                            "/tests/common/grading/grade_all.py' '", path, "'"));
  std::filesystem::remove(path);
  return ReadJson(
      out, "grade_all.py", problems,
      {.size_max_bytes = 256 << 20, .nodes_max = 5'000'000, .expanded_bytes_max = 256 << 20});
}

Evaluation EvaluationOf(const Field& field) {
  using LoadKind = Evaluation::Kind;
  using CallKind = EvaluationOutcome::Kind;
  static const auto& load_kinds = *new std::map<std::string, LoadKind>{
      {"loaded", LoadKind::kLoaded},          {"not_python", LoadKind::kNotPython},
      {"no_function", LoadKind::kNoFunction}, {"raised", LoadKind::kRaised},
      {"timeout", LoadKind::kTimeout},        {"killed", LoadKind::kKilled}};
  static const auto& call_kinds =
      *new std::map<std::string, CallKind>{{"returned", CallKind::kReturned},
                                           {"raised", CallKind::kRaised},
                                           {"timeout", CallKind::kTimeout},
                                           {"killed", CallKind::kKilled},
                                           {"not_run", CallKind::kNotRun}};
  Evaluation evaluation;
  Mapping m(field);
  evaluation.kind = load_kinds.at(m["kind"].String().value());
  evaluation.error = m["error"].String().value_or("");
  for (const Field& item : m["calls"].Items()) {
    Mapping call(item);
    evaluation.calls.push_back(
        {call_kinds.at(call["kind"].String().value()), call["value"].String().value_or(""),
         call["arguments"].String().value_or(""), call["error"].String().value_or("")});
  }
  return evaluation;
}

// Situation: right programs, single faults, pairs of faults, and hostile values. Outcome: each check has the points that
// the table gives, and the programs together reach every number of points that the table knows.
TEST(GradingFidelityTest, EveryCheckScoresAsTheReferenceDoes) {
  const Grader& grader = *FindShippedGrader("user-metrics");
  Problems problems;
  const std::optional<Document> all = GradeAll(grader, problems);
  ASSERT_TRUE(all.has_value()) << problems.ToString();
  std::map<std::string, std::set<int>> seen;
  size_t graded = 0;
  for (const Field& entry : Field::Root(*all, problems).Entries()) {
    const std::string& name = entry.node().key;
    Mapping m(entry);
    const Grade grade = grader.Score(EvaluationOf(m["evaluation"]));
    Mapping expected(m["expected"]);
    int total = 0;
    for (const CheckGrade& check : grade.checks) {
      const auto points = expected[check.id].Unsigned();
      ASSERT_TRUE(points.has_value()) << name << " " << check.id;
      EXPECT_EQ(check.score, static_cast<int>(*points))
          << name << " " << check.id << ": " << check.detail;
      EXPECT_FALSE(check.detail.empty()) << name << " " << check.id;
      total += check.score;
      seen[check.id].insert(check.score);
    }
    EXPECT_EQ(grade.total, total) << name;
    EXPECT_EQ(grade.max, 120);
    EXPECT_EQ(grade.reason.empty(), grade.total != 0) << name;
    ++graded;
  }
  EXPECT_GE(graded, 150u);
  EXPECT_TRUE(problems.empty()) << problems.ToString();
  const std::map<std::string, std::set<int>> table = {
      {"handles_division_by_zero", {0, 5, 20}},
      {"handles_empty_users_list", {0, 5, 15}},
      {"handles_missing_keys", {0, 15}},
      {"correct_average_calculation", {0, 5, 15}},
      {"correct_sorting_direction", {0, 5, 10}},
      {"handles_no_active_users", {0, 5, 10}},
      {"doesnt_mutate_input", {0, 8}},
      {"handles_less_than_5_users", {0, 5}},
      {"handles_invalid_dates", {0, 2, 3, 5}},
      {"robust_error_handling", {0, 2, 4, 7}},
      {"efficient_implementation", {0, 2, 3, 8, 10}}};
  EXPECT_EQ(seen, table);
}

}  // namespace
}  // namespace moa
