#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/grading/value.h"
#include "common/grading/value_path.h"

namespace moa {

// One comparison of what a call returned.
struct Comparator {
  enum class Kind {  // in the order in which a condition goes through them
    kReturns,
    kUnchanged,
    kType,
    kLength,
    kLengthMin,
    kLengthMax,
    kDistinct,
    kEquals,
    kClose,
    kUnordered,
    kContains,
    kAtLeast,
    kAtMost,
  };
  Kind kind = Kind::kReturns;
  Value expected;
  double number = 0;  // the length, the bound, or the tolerance of kClose
  std::string type;   // of kType: dict, list, str, int, float, number, bool or none
};

// What must be true of a call.
struct Condition {
  // Where set: the call raised; an exception of one of these names (of any where empty). Nothing else is compared then.
  std::optional<std::vector<std::string>> raises;
  // What is compared: an argument as the call left it, counted from 0, instead of the value that was returned, …
  std::optional<size_t> argument;
  ValuePath path;                 // … there …
  std::optional<Value> fallback;  // … and this where nothing is there.
  std::vector<Comparator> comparators;
};

// One call, as a condition sees it.
struct CallResult {
  bool raised = false;
  std::string error;  // "ZeroDivisionError: division by zero", where it raised
  Value value;
  Value arguments_before;
  Value arguments;  // as the call left them
};

enum class Verdict {
  kHolds,
  kFails,
  kUnreadable,  // the path cannot be gone: a key of what is no dict
};

// Whether `condition` is true of `call`. Of a call that raised nothing holds but `raises`. Pure.
Verdict Judge(const Condition& condition, const CallResult& call);

}  // namespace moa
