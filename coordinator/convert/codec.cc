#include "coordinator/convert/codec.h"

#include <utility>

#include "common/hash/sha256.h"
#include "coordinator/convert/convert.h"

namespace moa {
namespace {

bool ParseBytes(absl::string_view bytes, google::protobuf::MessageLite* proto) {
  return proto->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

std::string DigestMessage(const Message& message) {
  v1::Message proto;
  MessageToProto(message, &proto);
  return Sha256(proto.SerializeAsString());
}

std::string DigestContext(const SharedContext& context) {
  Sha256Hasher hasher;
  for (const Message& message : context.messages) hasher.AddField(DigestMessage(message));
  return hasher.Finish();
}

}  // namespace

Text EncodeSpec(const JobSpec& spec) {
  v1::JobSpec proto;
  SpecToProto(spec, &proto);
  return Text(proto.SerializeAsString());
}

absl::StatusOr<JobSpec> DecodeSpec(absl::string_view bytes) {
  v1::JobSpec proto;
  if (!ParseBytes(bytes, &proto)) {
    return absl::DataLossError("the stored job is not a moa.v1.JobSpec");
  }
  return SpecFromProto(&proto);
}

Text EncodeRecord(const Plan& plan, const Record& record) {
  v1::JobEvent proto;
  RecordToProto(plan, record, &proto);
  return Text(proto.SerializeAsString());
}

absl::StatusOr<Record> DecodeRecord(const Plan& plan, absl::string_view bytes) {
  v1::JobEvent proto;
  if (!ParseBytes(bytes, &proto)) {
    return absl::DataLossError("a stored event is not a moa.v1.JobEvent");
  }
  return RecordFromProto(plan, &proto);
}

std::string HashSpec(const JobSpec& spec) {
  v1::JobSpec proto;
  SpecToProto(spec, &proto);
  return Sha256(proto.SerializeAsString());
}

std::string InputHasher::Hash(const CallInput& input, const JobSpec& spec) {
  v1::RunTask call;
  CallToProto(input, spec, &call);
  Sha256Hasher hasher;
  hasher.AddField(call.SerializeAsString());
  for (const PromptPart& part : input.prompt) {
    if (part.context == nullptr) {
      hasher.AddField(DigestMessage(part.message));
      continue;
    }
    std::string& digest = context_digests_[part.context->id];
    if (digest.empty()) digest = DigestContext(*part.context);
    hasher.AddField(digest);
  }
  return hasher.Finish();
}

}  // namespace moa
