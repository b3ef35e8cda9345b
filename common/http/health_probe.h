#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace moa {

// What `PROGRAM --health HOST:PORT[/PATH]` of every program does: asks a running one whether it is well, so that
// a container without a shell or curl can be probed by its own binary.
//
// `target` is a metrics listener's address (of the simulator: its only one), and /readyz (default) or /healthz. OK: it
// answered 200. InvalidArgument: `target` is no such thing. Unavailable: why not, for people. Blocks 5 s at most.
absl::Status ProbeHealth(absl::string_view target);

inline constexpr char kHealthFlag[] = "health";
inline constexpr char kHealthPlaceholder[] = "HOST:PORT[/PATH]";
inline constexpr char kHealthHelp[] =
    "Ask the program that serves /readyz (or the /healthz given) there whether it is well, and "
    "exit with 0 or 1";

// The same as a program's whole run: says what is wrong on stderr. Returns the exit status: 0 well, 1 not, 2 usage.
int RunHealthProbe(const std::string& program, const std::string& target);

}  // namespace moa
