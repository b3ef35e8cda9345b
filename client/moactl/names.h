#pragma once

#include <string>

#include "moa/v1/job.pb.h"

namespace moa {

// Names as scripts see them: without the prefix of the protocol's enums.
std::string StateName(v1::JobState state);   // "SUCCEEDED"
std::string StateName(v1::TaskState state);  // "SUCCEEDED"
std::string ErrorName(v1::ErrorCode code);   // "DEADLINE_EXCEEDED"

// The state that a person typed, in any case; JOB_STATE_UNSPECIFIED where there is none of that
// name.
v1::JobState JobStateFromName(const std::string& name);

bool IsTerminal(v1::JobState state);

// "planner", or "planner #2" for the second sample and later ones; without control characters.
std::string TaskName(const v1::TaskId& task);

}  // namespace moa
