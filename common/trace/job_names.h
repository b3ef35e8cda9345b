#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "moa/v1/job.pb.h"

namespace moa {

// Names of the protocol's values as scripts and traces see them: without the prefix of the enums. Pure.
std::string StateName(v1::JobState state);   // "SUCCEEDED"
std::string StateName(v1::TaskState state);  // "SUCCEEDED"
std::string ErrorName(v1::ErrorCode code);   // "DEADLINE_EXCEEDED"
// "propose", "critique", "route", "aggregate"; of a coordinator that does not say, "propose".
std::string KindName(v1::StageKind kind);

// The tasks of a job by index.
using TaskIds = std::map<uint32_t, v1::TaskId>;
TaskIds TaskIdsOf(const v1::Job& job);

// "planner", or "planner #2" for the second sample and later ones; without control characters.
std::string TaskName(const v1::TaskId& task);
// Likewise, but "judge of planner #2" for a critic who judges one answer: its samples are numbered
// as the answers are, which says nothing more.
std::string TaskName(const v1::TaskId& task, const TaskIds& ids);

}  // namespace moa
