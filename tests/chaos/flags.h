#pragma once

#include <optional>

#include "tests/chaos/run.h"

namespace moa::chaos {

// The command line of moa-chaos. When the process should end now, returns its exit status: 0 after --help, 2 after a
// mistake, which has been printed with the flag's name.
std::optional<int> ParseFlags(int argc, char** argv, RunOptions* options);

}  // namespace moa::chaos
