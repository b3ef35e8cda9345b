#pragma once

#include <linux/filter.h>

#include <vector>

#include "absl/status/statusor.h"

namespace moa::sandbox {

// The seccomp filter of a candidate: a list of what an interpreter needs to compute. All else fails with EPERM:
// sockets, processes and threads, opening for writing, changing files, limits or memory of others. A call that
// sends a signal ends the process.
//
// kInternal when libseccomp cannot build it.
absl::StatusOr<std::vector<sock_filter>> BuildFilter();

}  // namespace moa::sandbox
