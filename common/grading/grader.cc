#include "common/grading/grader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"

namespace moa {
namespace {

using OutcomeKind = EvaluationOutcome::Kind;

std::string WithError(std::string reason, const std::string& error) {
  return error.empty() ? reason : absl::StrCat(reason, ": ", error);
}

// Why nothing could be called; empty where the module is loaded.
std::string LoadFailure(const Evaluation& evaluation, const std::string& function) {
  switch (evaluation.kind) {
    case Evaluation::Kind::kLoaded:
      return "";
    case Evaluation::Kind::kNotPython:
      return WithError("not Python", evaluation.error);
    case Evaluation::Kind::kNoFunction:
      return absl::StrCat("there is no function ", function);
    case Evaluation::Kind::kRaised:
      return WithError("the code raised before the function could be called", evaluation.error);
    case Evaluation::Kind::kTimeout:
      return "the code took too long before the function could be called";
    case Evaluation::Kind::kKilled:
      return WithError("the process ended before the function could be called", evaluation.error);
  }
  return "";
}

CheckGrade ScoreCheck(const Check& check, const EvaluationOutcome* outcomes) {
  CheckGrade grade = {check.id, 0, check.Max(), ""};
  std::vector<std::string> lost;
  for (size_t i = 0; i < check.parts.size(); ++i) {
    const CheckPart& part = check.parts[i];
    const PartScore score = ScorePart(part, {outcomes, outcomes + part.calls.size()});
    outcomes += part.calls.size();
    grade.score += score.points;
    if (check.parts.size() == 1) {
      grade.detail = score.detail;
    } else if (score.points == 0) {
      lost.push_back(absl::StrCat("case ", i + 1, " ", score.detail));
    }
  }
  if (check.parts.size() > 1) {
    constexpr size_t kShownMax = 3;
    grade.detail =
        absl::StrCat(check.parts.size() - lost.size(), " of ", check.parts.size(), " cases");
    for (size_t i = 0; i < std::min(lost.size(), kShownMax); ++i) {
      absl::StrAppend(&grade.detail, "; ", lost[i]);
    }
    if (lost.size() > kShownMax) absl::StrAppend(&grade.detail, "; …");
  }
  return grade;
}

// Takes the points away from all checks.
void Void(std::string reason, Grade& grade) {
  for (CheckGrade& check : grade.checks) {
    check.score = 0;
    check.detail = absl::StrCat(kNotCounted, reason);
  }
  grade.reason = std::move(reason);
}

}  // namespace

std::string LetterFor(int total, int max) {
  MOA_CHECK(max > 0);
  constexpr std::pair<int, const char*> kLetters[] = {{90, "A"}, {80, "B"}, {70, "C"}, {60, "D"}};
  for (const auto& [percent, letter] : kLetters) {
    if (int64_t{total} * 100 >= int64_t{max} * percent) return letter;
  }
  return "F";
}

Grader::Grader(About about, std::vector<Check> checks)
    : about_(std::move(about)), checks_(std::move(checks)) {
  MOA_CHECK(max() > 0);
}

int Grader::max() const {
  int sum = 0;
  for (const Check& check : checks_) sum += check.Max();
  return sum;
}

EvaluationRequest Grader::RequestFor(absl::string_view source) const {
  EvaluationRequest request;
  request.source = std::string(source);
  request.function = about_.function;
  for (const Check& check : checks_) {
    for (const CheckPart& part : check.parts) {
      request.calls.insert(request.calls.end(), part.calls.begin(), part.calls.end());
    }
  }
  return request;
}

Grade Grader::Score(const Evaluation& evaluation) const {
  Grade grade;
  const bool loaded = evaluation.kind == Evaluation::Kind::kLoaded;
  std::vector<EvaluationOutcome> outcomes;
  if (loaded) outcomes = evaluation.calls;
  size_t calls = 0;
  for (const Check& check : checks_) calls += check.CallCount();
  outcomes.resize(calls);  // what is missing has not run
  size_t at = 0;
  std::string killed_by;
  for (const Check& check : checks_) {
    const EvaluationOutcome* first = outcomes.data() + at;
    at += check.CallCount();
    grade.checks.push_back(ScoreCheck(check, first));
    const auto* killed = std::find_if(
        first, first + check.CallCount(),
        [](const EvaluationOutcome& outcome) { return outcome.kind == OutcomeKind::kKilled; });
    if (killed != first + check.CallCount() && killed_by.empty()) {
      killed_by =
          WithError(absl::StrCat("the process ended while ", check.id, " ran"), killed->error);
    }
  }
  if (!loaded) {
    Void(LoadFailure(evaluation, about_.function), grade);
  } else if (!killed_by.empty()) {
    Void(std::move(killed_by), grade);
  }
  for (const CheckGrade& check : grade.checks) {
    grade.total += check.score;
    grade.max += check.max;
  }
  grade.letter = LetterFor(grade.total, grade.max);
  if (grade.total == 0 && grade.reason.empty()) {
    grade.reason = std::any_of(outcomes.begin(), outcomes.end(),
                               [](const EvaluationOutcome& outcome) {
                                 return outcome.kind == OutcomeKind::kTimeout;
                               })
                       ? "the calls took too long"
                       : "no check gave a point";
  }
  return grade;
}

}  // namespace moa
