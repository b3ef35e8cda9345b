#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace moa {

// What a sandbox is asked to do with a candidate's program, and what it saw. It returns values, never verdicts: scoring
// happens outside, where the program cannot reach it.

// One call of the function.
struct EvaluationCall {
  std::string arguments;  // a JSON array: the positional arguments
};

struct EvaluationRequest {
  std::string source;    // Python
  std::string function;  // its name in the module
  std::vector<EvaluationCall> calls;
};

struct EvaluationOutcome {
  enum class Kind {
    kNotRun,    // an earlier call ended the run
    kReturned,  // `value` and `arguments` are set
    kRaised,    // an exception that is not of the limits; `error` and `arguments` are set
    kTimeout,   // the time for all calls was over
    kKilled,    // the process ended: a limit, SystemExit, os._exit, a signal
  };
  Kind kind = Kind::kNotRun;
  // JSON. What JSON does not have is {"$type": NAME}: objects of other types, also NaN and infinities, and what is nested
  // deeper than 32 levels. Of a dict, items whose key is no text are left out, and "$others" says how many.
  std::string value;
  std::string arguments;  // as the call left them
  std::string error;      // for people: "ZeroDivisionError: division by zero"
};

struct Evaluation {
  enum class Kind {
    kLoaded,      // the module ran to its end and has the function
    kNotPython,   // a syntax error
    kNoFunction,  // nothing that can be called has that name
    kRaised,      // the module itself raised
    kTimeout,     // while the module was loaded
    kKilled,      // likewise
  };
  Kind kind = Kind::kKilled;
  std::string error;                     // for people, where it is not kLoaded
  std::vector<EvaluationOutcome> calls;  // one for each of the request's, in order
  absl::Duration took;
};

}  // namespace moa
