#include "simulator/coder_issues.h"

#include <iterator>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace moa::simulator::coder {
namespace {

struct IssueWords {
  const char* check;
  const char* advice;
  const char* praise;
};

// In the order of Issue.
constexpr IssueWords kWords[] = {
    {"handles_division_by_zero",
     "Guard against division by zero: a user may have had no day of activity.",
     "users with zero active days score 0"},
    {"handles_empty_users_list", "For an empty list of users return zeros and an empty ranking.",
     "an empty input gives zeros"},
    {"handles_missing_keys", "Read every field with a default, since users come with missing keys.",
     "absent fields count as 0"},
    {"correct_average_calculation",
     "The average is taken over active users only, of the score per active day.",
     "the mean is taken over active users only"},
    {"correct_sorting_direction", "Mind the sorting direction: the highest engagement comes first.",
     "the ranking is descending"},
    {"handles_no_active_users", "When nobody is active, the count and the mean are 0.",
     "zeros come back when nobody is active"},
    {"doesnt_mutate_input", "Do not mutate the input: store nothing in the dicts of the caller.",
     "the input is not mutated"},
    {"handles_less_than_5_users", "With fewer than five candidates return just those there are.",
     "fewer than five users are no special case"},
    {"handles_invalid_dates",
     "An inverted range, with the start after the end, gives zeros and no exception.",
     "a reversed range matches no login"},
    {"robust_error_handling",
     "Be robust against None, negative numbers and text where numbers belong.",
     "negative numbers and text do not raise"},
    {"efficient_implementation",
     "Return the top five as the user dicts themselves, cut off with one slice.",
     "one slice gives the top five"},
};
static_assert(std::size(kWords) == kIssues.size());

struct Phrase {
  Issue issue;
  const char* words;  // as Normalized leaves them
};

constexpr Phrase kPhrases[] = {
    {Issue::kDivision, "division by zero"},
    {Issue::kDivision, "divide by zero"},
    {Issue::kDivision, "divides by zero"},
    {Issue::kDivision, "dividing by zero"},
    {Issue::kDivision, "zero division"},
    {Issue::kDivision, "zerodivision"},
    {Issue::kDivision, "zero where somebody divides"},
    {Issue::kDivision, "zero active days"},
    {Issue::kDivision, "zero days"},
    {Issue::kDivision, "days active is 0"},
    {Issue::kDivision, "days active is zero"},
    {Issue::kDivision, "days active = 0"},
    {Issue::kDivision, "days active == 0"},
    {Issue::kDivision, "days active of 0"},
    {Issue::kDivision, "days active of zero"},
    {Issue::kEmpty, "empty list"},
    {Issue::kEmpty, "empty users"},
    {Issue::kEmpty, "empty user list"},
    {Issue::kEmpty, "empty input"},
    {Issue::kEmpty, "empty and missing input"},
    {Issue::kEmpty, "list is empty"},
    {Issue::kEmpty, "users is empty"},
    {Issue::kEmpty, "users are empty"},
    {Issue::kEmpty, "no users at all"},
    {Issue::kKeys, "missing key"},
    {Issue::kKeys, "missing field"},
    {Issue::kKeys, "missing input"},
    {Issue::kKeys, "missing value"},
    {Issue::kKeys, "keys are missing"},
    {Issue::kKeys, "keys may be missing"},
    {Issue::kKeys, "fields are missing"},
    {Issue::kKeys, "fields may be missing"},
    {Issue::kKeys, "absent key"},
    {Issue::kKeys, "absent field"},
    {Issue::kKeys, "keyerror"},
    {Issue::kAverage, "correct average"},
    {Issue::kAverage, "wrong average"},
    {Issue::kAverage, "average calculation"},
    {Issue::kAverage, "average over active"},
    {Issue::kAverage, "average over the active"},
    {Issue::kAverage, "average only"},
    {Issue::kAverage, "over active users only"},
    {Issue::kAverage, "not over all users"},
    {Issue::kAverage, "per active day"},
    {Issue::kSorting, "sorting direction"},
    {Issue::kSorting, "sort direction"},
    {Issue::kSorting, "sort order"},
    {Issue::kSorting, "sorting order"},
    {Issue::kSorting, "descending"},
    {Issue::kSorting, "sorted the wrong way"},
    {Issue::kSorting, "reverse=true"},
    {Issue::kNobody, "no active user"},
    {Issue::kNobody, "nobody is active"},
    {Issue::kNobody, "nobody was active"},
    {Issue::kNobody, "no one is active"},
    {Issue::kNobody, "none are active"},
    {Issue::kNobody, "none is active"},
    {Issue::kNobody, "nobody active"},
    {Issue::kMutation, "mutat"},
    {Issue::kMutation, "must not be changed"},
    {Issue::kMutation, "not modify the input"},
    {Issue::kMutation, "modify input"},
    {Issue::kMutation, "modifies the input"},
    {Issue::kMutation, "modifying the input"},
    {Issue::kMutation, "change the input"},
    {Issue::kMutation, "changes the input"},
    {Issue::kMutation, "changing the input"},
    {Issue::kMutation, "input unchanged"},
    {Issue::kMutation, "side effect"},
    {Issue::kMutation, "in place"},
    {Issue::kFewer, "fewer than five"},
    {Issue::kFewer, "fewer than 5"},
    {Issue::kFewer, "less than five"},
    {Issue::kFewer, "less than 5"},
    {Issue::kDates, "invalid date"},
    {Issue::kDates, "invalid range"},
    {Issue::kDates, "wrong way round"},
    {Issue::kDates, "inverted range"},
    {Issue::kDates, "reversed range"},
    {Issue::kDates, "reversed date"},
    {Issue::kDates, "swapped date"},
    {Issue::kDates, "start after the end"},
    {Issue::kDates, "start after end"},
    {Issue::kDates, "end before the start"},
    {Issue::kDates, "end before start"},
    {Issue::kDates, "start date > end date"},
    {Issue::kRobust, "robust"},
    {Issue::kRobust, "wrong type"},
    {Issue::kRobust, "typeerror"},
    {Issue::kRobust, "type error"},
    {Issue::kRobust, "negative"},
    {Issue::kRobust, "none value"},
    {Issue::kRobust, "is none"},
    {Issue::kRobust, "non numeric"},
    {Issue::kRobust, "malformed"},
    {Issue::kRobust, "text where numbers"},
    {Issue::kTopFive, "top five"},
    {Issue::kTopFive, "top 5"},
    {Issue::kTopFive, "five best"},
    {Issue::kTopFive, "best five"},
    {Issue::kTopFive, "more than five"},
    {Issue::kTopFive, "efficien"},
    {Issue::kTopFive, "single pass"},
    {Issue::kTopFive, "one pass"},
};

constexpr const char* kKeepPhrases[] = {
    "keep the name",   "keep the function", "keep its name",        "keep the requested name",
    "keep the method", "function name",     "name of the function", "under its given name",
    "the given name",  "exact name",        "exactly named",        "must be named",
    "must be called",  "do not rename",     "don't rename",         "same name",
    "requested names", "named exactly",     "called exactly",       "under the name",
};

// Lower case; blanks, line ends, hyphens and underscores each one blank.
std::string Normalized(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '-' || c == '_' || absl::ascii_isspace(byte)) {
      if (out.empty() || out.back() != ' ') out.push_back(' ');
    } else {
      out.push_back(absl::ascii_tolower(byte));
    }
  }
  return out;
}

}  // namespace

const char* CheckOf(Issue issue) { return kWords[IndexOf(issue)].check; }
const char* AdviceOn(Issue issue) { return kWords[IndexOf(issue)].advice; }
const char* PraiseOf(Issue issue) { return kWords[IndexOf(issue)].praise; }

IssueSet IssuesNamedIn(absl::string_view text) {
  const std::string normalized = Normalized(text);
  IssueSet named;
  for (const Phrase& phrase : kPhrases) {
    if (named[IndexOf(phrase.issue)]) continue;
    if (absl::StrContains(normalized, phrase.words)) named.set(IndexOf(phrase.issue));
  }
  for (const Issue issue : kIssues) {
    if (absl::StrContains(normalized, Normalized(CheckOf(issue)))) named.set(IndexOf(issue));
  }
  return named;
}

bool AsksToKeepTheName(absl::string_view text) {
  const std::string normalized = Normalized(text);
  for (const char* phrase : kKeepPhrases) {
    if (absl::StrContains(normalized, phrase)) return true;
  }
  return false;
}

}  // namespace moa::simulator::coder
