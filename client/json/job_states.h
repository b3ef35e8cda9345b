#pragma once

#include <string>

#include "moa/v1/job.pb.h"

namespace moa {

// The state that a person typed, in any case; JOB_STATE_UNSPECIFIED where there is none of that
// name.
v1::JobState JobStateFromName(const std::string& name);

bool IsTerminal(v1::JobState state);
}  // namespace moa
