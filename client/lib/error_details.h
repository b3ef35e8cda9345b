#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace moa {

// FromGrpcStatus, with the details that the coordinator sends (rpc_status.proto) as payloads under
// their type URLs: what ViolationsOf and RetryDelayOf read. Details that do not parse are left out.
absl::Status WithDetails(const grpc::Status& status);

}  // namespace moa
