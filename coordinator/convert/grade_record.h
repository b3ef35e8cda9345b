#pragma once

#include <optional>

#include "coordinator/engine/job_machine.h"
#include "coordinator/store/job_store.h"

namespace moa {

// What a job that has ended found of the job that it graded (JobSpec.grades); nullopt where it graded none, or did not
// succeed. Pure.
std::optional<StoredGrade> GradeOf(const JobMachine& machine);

}  // namespace moa
