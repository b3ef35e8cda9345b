#pragma once

#include <grpcpp/support/status.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/engine/plan.h"

namespace moa {

// Errors of the public API with the details that proto/moa/v1/rpc_status.proto describes.
// Pure functions; thread-safe.

// INVALID_ARGUMENT with every mistake: the first 50 travel (fewer where they are long), the message
// counts all.
grpc::Status InvalidJob(const std::vector<Violation>& violations);

// `status` with the time after which to come back.
grpc::Status WithRetryDelay(const absl::Status& status, absl::Duration delay);

// As a client should see it: RESOURCE_EXHAUSTED and UNAVAILABLE carry a retry delay.
grpc::Status ToClientStatus(const absl::Status& status);

}  // namespace moa
