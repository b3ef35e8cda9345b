#pragma once

#include "absl/status/status.h"
#include "coordinator/options.h"

namespace moa {

// Runs a coordinator until a signal has drained it. Blocks. Errors say what could not be opened, read or
// listened on, and what to do.
// REQUIRES: BlockSignals was called before any other thread existed.
absl::Status RunCoordinator(const CoordinatorOptions& options);

}  // namespace moa
