#include "coordinator/convert/codec.h"

#include <utility>

#include "common/hash/sha256.h"
#include "coordinator/convert/convert.h"

namespace moa {
namespace {

bool ParseBytes(absl::string_view bytes, google::protobuf::MessageLite* proto) {
  return proto->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void AddMessage(const Message& message, Sha256Hasher* hasher) {
  v1::Message proto;
  MessageToProto(message, &proto);
  hasher->AddField(proto.SerializeAsString());
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
  for (const PromptPart& part : input.prompt) {
    if (part.context == nullptr) continue;
    std::string& digest = context_digests_[part.context->id];
    if (!digest.empty()) continue;
    for (const Message& message : part.context->messages) AddMessage(message, &hasher_);
    digest = hasher_.Finish();
  }
  v1::RunTask call;
  CallToProto(input, spec, &call);
  hasher_.AddField(call.SerializeAsString());
  for (const PromptPart& part : input.prompt) {
    if (part.context == nullptr) {
      AddMessage(part.message, &hasher_);
    } else {
      hasher_.AddField(context_digests_[part.context->id]);
    }
  }
  return hasher_.Finish();
}

}  // namespace moa
