#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/grading/condition.h"
#include "common/grading/evaluation.h"

namespace moa {

// Points for calls of which all conditions are true.
struct Rule {
  int points = 0;
  std::vector<Condition> conditions;
  size_t calls_min = 0;  // of how many of the part's calls; 0: of all
  std::string detail;    // what it means, for people; may be empty
};

// Calls and what they are worth: the points of the first rule that is true, or none.
struct CheckPart {
  std::vector<EvaluationCall> calls;  // at least one
  std::vector<Rule> rules;            // at least one
};

// What is awarded as one: the sum of its parts. A check that is written as rules has one part, one that is written as
// cases has a part for each case. Plain data.
struct Check {
  std::string id;
  std::vector<CheckPart> parts;

  int Max() const;  // the sum of the parts' best rules
  size_t CallCount() const;
};

// How a part came out.
struct PartScore {
  int points = 0;
  std::string detail;  // for people: what the rule means and what the call did
};

// Scores a part by its calls' outcomes, as many as it has calls. A call of which a condition could not be read (a key of
// what is no dict) counts as one that raised, and the rules are gone through again. A call that did not come to its end
// (a timeout, killed, not run) makes it 0 points. Pure.
PartScore ScorePart(const CheckPart& part, const std::vector<EvaluationOutcome>& outcomes);

}  // namespace moa
