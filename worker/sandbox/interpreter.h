#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace moa::sandbox {

// A Python and the files it needs, with all symbolic links resolved but for the loader's.
struct Interpreter {
  std::string executable;
  std::string loader;  // the dynamic linker as the executable names it; empty for a static one
  std::vector<std::string> standard;   // folders of the standard library
  std::vector<std::string> libraries;  // shared libraries outside them
};

// Asks the interpreter at `path` by running it. Blocks. Trusts it: it is the operator's choice.
// kFailedPrecondition when it does not run or is none that this can use; the message says which.
absl::StatusOr<Interpreter> ProbeInterpreter(const std::string& path);

}  // namespace moa::sandbox
