#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/grading/check.h"
#include "common/grading/evaluation.h"

namespace moa {

// Begins the details of checks that came to nothing because all did.
inline constexpr const char* kNotCounted = "not counted: ";

struct CheckGrade {
  std::string id;
  int score = 0;
  int max = 0;
  std::string detail;  // for people
};

struct Grade {
  int total = 0;
  int max = 0;
  std::string letter;              // A from 90 % on, B from 80, C from 70, D from 60, else F
  std::vector<CheckGrade> checks;  // in the grader's order; their scores add up to the total
  // Why all of it is 0 whatever the checks say: no function of that name, no Python, a process that ended. Else empty.
  std::string reason;
};

// The letter for a total; `max` is above 0.
std::string LetterFor(int total, int max);

// Grades a Python function by what its calls do.
//
//   const Grader& grader = *FindShippedGrader("user-metrics");
//   Evaluation evaluation = sandbox.Run(grader.RequestFor(ExtractCode(answer, grader.function()).code));
//   Grade grade = grader.Score(evaluation);
//
// A value type, immutable; pure.
class Grader {
 public:
  struct About {
    std::string name;
    std::string function;
    std::string description;  // may be empty
    std::string task;         // likewise
  };
  // REQUIRES: at least one check, and one with points.
  Grader(About about, std::vector<Check> checks);

  const std::string& name() const { return about_.name; }
  const std::string& function() const { return about_.function; }
  const std::string& description() const { return about_.description; }
  // The prompt that asks for what is graded, for jobs that have none of their own.
  const std::string& task() const { return about_.task; }
  const std::vector<Check>& checks() const { return checks_; }
  int max() const;

  // All checks' calls, in order: one run of the sandbox grades an answer.
  EvaluationRequest RequestFor(absl::string_view source) const;

  // `evaluation` is the answer to RequestFor. A process that ended makes the total 0. A timeout ends the grading: the
  // parts of checks before it count. Calls that the evaluation lacks were not run.
  Grade Score(const Evaluation& evaluation) const;

 private:
  About about_;
  std::vector<Check> checks_;
};

}  // namespace moa
