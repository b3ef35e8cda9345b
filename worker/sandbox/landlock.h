#pragma once

#include "absl/status/statusor.h"
#include "worker/sandbox/interpreter.h"

namespace moa::sandbox {

// The version of the kernel's Landlock; 0 when it has none, or it is off or refused here. From 1 on files are
// ruled, 3 adds truncation, 4 TCP, 5 devices, 6 signals and abstract sockets.
int LandlockVersion();

// A ruleset that lets a process read what the interpreter needs, start the interpreter, and nothing else of all
// that this version rules. The caller closes the descriptor; any number of processes may take it on.
// REQUIRES: version > 0.
absl::StatusOr<int> MakeRuleset(const Interpreter& interpreter, int version);

// Puts the calling thread under the ruleset for ever; 0, or -1 and errno. REQUIRES: no_new_privs is set.
// For a child between fork and exec: it allocates nothing.
int EnterRuleset(int ruleset);

}  // namespace moa::sandbox
