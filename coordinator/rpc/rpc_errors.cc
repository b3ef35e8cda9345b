#include "coordinator/rpc/rpc_errors.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/net/status_convert.h"
#include "moa/v1/rpc_status.pb.h"

namespace moa {
namespace {

constexpr size_t kViolationsMax = 50;
// The trailer holds about 8 KiB after base64, which adds a third, and the message travels twice.
constexpr size_t kDetailBytesMax = 4096;
constexpr size_t kFieldBytesMax = 300;

void AddDetail(const google::protobuf::MessageLite& detail, const char* type,
               v1::RpcStatus* status) {
  google::protobuf::Any* any = status->add_details();
  any->set_type_url(absl::StrCat("type.googleapis.com/google.rpc.", type));
  any->set_value(detail.SerializeAsString());
}

std::string Cut(const std::string& text) {
  const std::string repaired = RepairUtf8(text);
  return std::string(Utf8Prefix(repaired, kFieldBytesMax));
}

}  // namespace

grpc::Status InvalidJob(const std::vector<Violation>& violations) {
  v1::RpcBadRequest bad;
  size_t bytes = 0;
  for (const Violation& violation : violations) {
    auto* out = bad.add_field_violations();
    out->set_field(Cut(violation.field));
    out->set_description(Cut(violation.description));
    bytes += out->ByteSizeLong() + 4;
    if (bytes > kDetailBytesMax) {
      bad.mutable_field_violations()->RemoveLast();
      break;
    }
    if (static_cast<size_t>(bad.field_violations_size()) == kViolationsMax) break;
  }
  const size_t shown = static_cast<size_t>(bad.field_violations_size());
  std::string message = violations.size() == 1
                            ? absl::StrCat("the job is invalid: ", Cut(violations[0].field), ": ",
                                           Cut(violations[0].description))
                            : absl::StrCat("the job is invalid: ", violations.size(), " mistakes");
  if (shown < violations.size()) absl::StrAppend(&message, ", the first ", shown, " of them shown");
  v1::RpcStatus status;
  status.set_code(grpc::StatusCode::INVALID_ARGUMENT);
  status.set_message(message);
  AddDetail(bad, "BadRequest", &status);
  return {grpc::StatusCode::INVALID_ARGUMENT, message, status.SerializeAsString()};
}

grpc::Status WithRetryDelay(const absl::Status& status, absl::Duration delay) {
  const grpc::Status plain = ToGrpcStatus(status);
  v1::RpcRetryInfo info;
  const absl::Duration whole = absl::Trunc(delay, absl::Seconds(1));
  info.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(whole));
  info.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(delay - whole)));
  v1::RpcStatus details;
  details.set_code(plain.error_code());
  const std::string text = plain.error_message();
  const absl::string_view message = Utf8Prefix(text, kDetailBytesMax);
  details.set_message(message.data(), message.size());
  AddDetail(info, "RetryInfo", &details);
  return {plain.error_code(), plain.error_message(), details.SerializeAsString()};
}

grpc::Status ToClientStatus(const absl::Status& status) {
  if (absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) {
    return WithRetryDelay(status, absl::Seconds(1));
  }
  return ToGrpcStatus(status);
}

}  // namespace moa
