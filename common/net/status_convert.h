#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace moa {

// The one conversion between Abseil's status and gRPC's. Codes are the same numbers. Messages are repaired
// to UTF-8 and cut at 4 KiB, because status trailers hold about 8 KiB in all.
grpc::Status ToGrpcStatus(const absl::Status& status);
// Codes that Abseil does not know become kUnknown. Error details are not carried over.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace moa
