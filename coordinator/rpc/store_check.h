#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "coordinator/engine/plan.h"
#include "coordinator/store/job_store.h"

namespace moa {

// Reads every job of a store and says what is wrong with it: one that cannot be read, whose events leave a gap or do not
// make sense one after another, or whose state is not what its events say. Bounded memory; each job is read in a
// moment of its own, so jobs may run. Blocks.
//
// `on_problem` gets a job's id and the trouble. `on_progress` gets the number of jobs that were read, now and then; when
// it returns false the check ends with CANCELLED. Other errors are the store's.
absl::Status CheckJobs(JobStore& store, const JobLimits& limits,
                       const std::function<void(const JobId&, const std::string&)>& on_problem,
                       const std::function<bool(uint64_t jobs)>& on_progress);

}  // namespace moa
