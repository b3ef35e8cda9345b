#include "common/net/status_convert.h"

#include <string>

#include "common/base/text.h"

namespace moa {
namespace {

constexpr size_t kStatusMessageBytesMax = 4096;
constexpr int kHighestStatusCode = 16;  // UNAUTHENTICATED, in both

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()),
                      RepairUtf8(Utf8Prefix(status.message(), kStatusMessageBytesMax)));
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const int code = static_cast<int>(status.error_code());
  const bool known = code > 0 && code <= kHighestStatusCode;
  return absl::Status(known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown,
                      status.error_message());
}

}  // namespace moa
