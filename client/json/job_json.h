#pragma once

#include <string>

#include "client/json/object_writer.h"
#include "moa/v1/job.pb.h"

namespace moa {

// A job in the job file's own grammar: what a job file reader makes of it is the same job. What is not set is left out;
// a single question is `prompt`. With `preset` the MoA is written as changes to it. Pure.
std::string JobSpecJson(const v1::JobSpec& job);

// An entry of `messages`.
void WriteMessage(const v1::Message& message, ObjectWriter& out);

// "system", …, as messages have it; "user" where it is not said.
std::string RoleName(v1::Role role);

}  // namespace moa
