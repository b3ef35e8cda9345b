#pragma once

#include "absl/status/status.h"
#include "coordinator/engine/job_machine.h"
#include "moa/v1/job.pb.h"

namespace moa {

// What a job takes over of one that has ended. Pure functions.

// How much of earlier turns a job that follows another one takes over (job.proto, JobSpec.follows).
inline constexpr int kHistoryMessagesMax = 400;
inline constexpr size_t kHistoryBytesMax = 1u << 20;

// Puts the conversation of `earlier` and its answer before the messages of `job`. Where that is more than the bounds
// allow the oldest turns are left out; leading system and developer messages and the last turn stay.
//
// INVALID_ARGUMENT, for people: `earlier` is another tenant's, or has not succeeded.
absl::Status PrependHistory(const JobMachine& earlier, v1::JobSpec* job);

// Makes the answer of `graded` the only message of `job`, which grades it (JobSpec.grades).
//
// INVALID_ARGUMENT, for people: `graded` is another tenant's, or has not succeeded, or has no text; `job` has messages of
// its own or follows another job.
absl::Status TakeAnswer(const JobMachine& graded, v1::JobSpec* job);

}  // namespace moa
