#pragma once

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "client/lib/moa_client.h"
#include "moa/v1/job.pb.h"

namespace moa {

struct JobRunOptions {
  std::string idempotency_key;  // empty: a new one
  // The job ends with this program: for jobs that nobody can come back to.
  bool cancel_on_exit = true;
  std::stop_token stop;  // kCancelled once it is requested
};

// Submits the job and waits for its end, over restarts of the coordinator. Blocks. The job as it ended, however that was;
// the client's errors.
absl::StatusOr<v1::Job> RunToEnd(Client& client, const v1::JobSpec& spec,
                                 const JobRunOptions& options = {});

// OK for a job that has SUCCEEDED, else kAborted with its id and why.
absl::Status SuccessOf(const v1::Job& job);

}  // namespace moa
