#pragma once

#include <cstdint>
#include <string>

#include "simulator/coder_issues.h"

namespace moa::simulator::coder {

// A program that a model might write for the challenge: for each issue the variant of the fragment that deals with it,
// and how it is dressed. Any combination is valid Python, but for Disaster::kSyntax. Value types; pure.
//
// In each enum those that are right come first; the comments of the others say what the grader makes of them.

enum class Division {
  kReturnsZero,  // if days <= 0: return 0.0
  kTernary,      // … / days if days > 0 else 0.0
  kFloor,        // … / max(days, 1)
  kCatches,      // except ZeroDivisionError
  kUnguarded,    // raises
  kChecksNone,   // if days is None; raises for 0
};

enum class Empty {
  kZeros,         // if not users: return zeros
  kFallsThrough,  // as if nobody were active: right if that is
  kReturnsEmpty,  // {}: part of the points
  kReturnsNone,   // likewise
  kRaises,        // ValueError
};

enum class Keys {
  kGet,
  kSubscripts,     // KeyError for each of them
  kPartly,         // for comments and likes
  kDaysByDefault,  // .get for the counts, ["days_active"]
};

enum class Average {
  kActive,
  kRawOverAll,  // not divided by days, over all users: no points; the others get part of them
  kOverAll,     // of all users
  kRaw,         // not divided by days
  kPrecedence,  // parentheses missing: only likes are divided
  kRounded,     // to a whole number
};

enum class Sorting {
  kReverse,
  kNegative,       // key=lambda …: -…
  kLargest,        // heapq.nlargest
  kAscending,      // the worst first, and the worst five of many
  kAscendingTail,  // the best five, the best last
  kUnsorted,       // as they came
};

enum class Nobody {
  kTernary,
  kStatement,
  kEarly,         // if not active: return zeros
  kUnguarded,     // ZeroDivisionError
  kNone,          // the average is None: part of the points
  kReturnsEmpty,  // {}: likewise
  kRaises,        // ValueError
};

enum class Mutation {
  kNone,
  kCopies,  // writes into copies
  kStores,  // writes the score into the caller's dicts
};

enum class Fewer {
  kSlice,
  kPads,      // with None up to five
  kBestOnly,  // just the first
  kNothing,   // an empty list: sorting suffers too
};

enum class Dates {
  kCompares,  // nobody is between them: right if that is
  kZeros,     // if start_date > end_date: return zeros
  kRaises,    // ValueError
  kSwaps,
};

enum class Robust {
  kNumber,    // float() in a try
  kIsNumber,  // isinstance
  kPlain,     // None and text raise
  kOrZero,    // text raises
  kFloat,     // None raises
  kRefuses,   // raises for each
};

enum class TopFive {
  kFive,
  kAll,
  kTen,
  kThree,
  kWrapped,  // {"user": …, "engagement": …}: sorting suffers too
  kScores,   // numbers: likewise
};

// What spoils all of it.
enum class Disaster {
  kNone,
  kSyntax,
  kRenamed,
  kEndless,  // a loop that ends only with five or more active users
  kFile,     // opens a log file for writing
  kExits,    // sys.exit for no users
};

// What makes no difference to what a program does. Numbers choose among forms.
struct Style {
  int names = 0;  // 0 to 3: what users, scores and lists are called
  bool pairs =
      false;  // one loop that gathers (score, user); else comprehensions with a function of a user
  bool nested = false;  // helpers inside of the function
  bool loop = false;    // a loop where a comprehension would do
  bool hints = false;
  int docstring = 0;  // 0 none, 1 a line, 2 several
  bool comments = false;
  bool single_quotes = false;
  bool parse_dates = false;  // compares date objects instead of texts
  int digits = 0;            // the average is rounded to as many; 0: not at all
  bool by_length = false;    // len(users) == 0, not `not users`
  bool compact = false;      // one expression for the raw score
  bool total = false;        // a variable for the sum
  bool days_default_one = false;
};

struct Program {
  Division division = Division::kReturnsZero;
  Empty empty = Empty::kZeros;
  Keys keys = Keys::kGet;
  Average average = Average::kActive;
  Sorting sorting = Sorting::kReverse;
  Nobody nobody = Nobody::kTernary;
  Mutation mutation = Mutation::kNone;
  Fewer fewer = Fewer::kSlice;
  Dates dates = Dates::kCompares;
  Robust robust = Robust::kNumber;
  TopFive top_five = TopFive::kFive;
  Disaster disaster = Disaster::kNone;
  int disaster_form = 0;  // 0 to 3
  Style style{};
};

// The issues that a program takes care of, whatever else is wrong with it.
IssueSet HandledBy(const Program& program);

// A program that takes care of `handled` and of no other issue. The faulty variants are drawn from `fault_seed`, those
// that are right and the style from `style_seed`. No disaster.
Program MakeProgram(const IssueSet& handled, uint64_t fault_seed, uint64_t style_seed);

// Its Python, ending in a line end.
std::string PythonOf(const Program& program);

}  // namespace moa::simulator::coder
