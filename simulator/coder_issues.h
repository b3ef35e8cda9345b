#pragma once

#include <array>
#include <bitset>
#include <cstddef>

#include "absl/strings/string_view.h"

namespace moa::simulator::coder {

// The things that can be got right or wrong in `calculate_user_metrics`, the function of the workshop's challenge: one
// for each check of its grader (docs/grading.md), in the grader's order. docs/simulator-coder.md has the model.

enum class Issue {
  kDivision,  // a user with no active days
  kEmpty,     // no users at all
  kKeys,      // users without some of the keys
  kAverage,   // of the active users, of the score per active day
  kSorting,   // the best first
  kNobody,    // users, but none within the dates
  kMutation,  // the caller's users stay as they were
  kFewer,     // less than five active users
  kDates,     // the end before the start
  kRobust,    // None, negative numbers and text where numbers belong
  kTopFive,   // five of many, and users, not something else
};

inline constexpr std::array<Issue, 11> kIssues = {Issue::kDivision, Issue::kEmpty,   Issue::kKeys,
                                                  Issue::kAverage,  Issue::kSorting, Issue::kNobody,
                                                  Issue::kMutation, Issue::kFewer,   Issue::kDates,
                                                  Issue::kRobust,   Issue::kTopFive};

using IssueSet = std::bitset<kIssues.size()>;

inline constexpr size_t IndexOf(Issue issue) { return static_cast<size_t>(issue); }

// The function's name, which a prompt must hold for any of this to begin.
inline constexpr absl::string_view kFunctionName = "calculate_user_metrics";

// The grader's id of the check: "handles_division_by_zero".
const char* CheckOf(Issue issue);

// A sentence that tells a model to mind the issue; IssuesNamedIn finds it, and no other, in it.
const char* AdviceOn(Issue issue);

// What a model says of code in which the issue is taken care of; IssuesNamedIn finds it, and no other, in it.
const char* PraiseOf(Issue issue);

// The issues that a text names, by their checks' ids or in words: case, hyphens, underscores and line ends count for
// nothing. "Mind division by zero" names one; "be careful" names none.
IssueSet IssuesNamedIn(absl::string_view text);

// Whether a text asks that the function keep its name.
bool AsksToKeepTheName(absl::string_view text);

}  // namespace moa::simulator::coder
