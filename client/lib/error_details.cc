#include "client/lib/error_details.h"

#include "absl/strings/cord.h"
#include "client/lib/moa_client.h"
#include "common/net/status_convert.h"
#include "moa/v1/rpc_status.pb.h"

namespace moa {
namespace {

constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";

}  // namespace

absl::Status WithDetails(const grpc::Status& status) {
  absl::Status converted = FromGrpcStatus(status);
  v1::RpcStatus details;
  if (converted.ok() || status.error_details().empty() ||
      !details.ParseFromString(status.error_details())) {
    return converted;
  }
  for (const google::protobuf::Any& any : details.details()) {
    converted.SetPayload(any.type_url(), absl::Cord(any.value()));
  }
  return converted;
}

std::vector<Violation> ViolationsOf(const absl::Status& status) {
  std::vector<Violation> violations;
  v1::RpcBadRequest bad_request;
  const absl::optional<absl::Cord> payload = status.GetPayload(kBadRequestUrl);
  if (!payload || !bad_request.ParseFromString(std::string(*payload))) return violations;
  for (const v1::RpcBadRequest::FieldViolation& violation : bad_request.field_violations()) {
    violations.push_back({violation.field(), violation.description()});
  }
  return violations;
}

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  v1::RpcRetryInfo info;
  const absl::optional<absl::Cord> payload = status.GetPayload(kRetryInfoUrl);
  if (!payload || !info.ParseFromString(std::string(*payload)) || !info.has_retry_delay()) {
    return std::nullopt;
  }
  return absl::Seconds(info.retry_delay().seconds()) +
         absl::Nanoseconds(info.retry_delay().nanos());
}

}  // namespace moa
