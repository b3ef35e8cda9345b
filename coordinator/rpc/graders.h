#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/engine/plan.h"
#include "moa/v1/job.pb.h"

namespace moa {

// A grader's file, at most: it travels with each of its tasks.
inline constexpr size_t kGraderBytesMax = 256 << 10;

// By what its grades are kept: its name; of one that does not come with the programs "name@" and 8 hexadecimal digits of a
// hash of its definition, since its owner may change it. INVALID_ARGUMENT: there is no such grader, or it has mistakes.
absl::StatusOr<std::string> GraderId(const v1::Grader& grader);

// Gives every grader in `moa` its id as its name and its definition, so that what a job is graded by never changes: of a name alone
// the definition is looked up among the shipped ones. Adds what is wrong to `violations`: a name that there is not, a
// definition with mistakes (each with its line), one that takes a shipped grader's name. Pure; thread-safe.
void ResolveGraders(v1::Moa* moa, std::vector<Violation>* violations);

}  // namespace moa
