#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace moa::compat {

// The messages of the previous release, from its .proto files in v1/, which the build made a FileDescriptorSet of. Not
// thread-safe.
class OldSchema {
 public:
  // Throws std::runtime_error when the set does not read.
  OldSchema();

  // "worker" for moa/v1/worker.proto.
  const google::protobuf::FileDescriptor& File(absl::string_view name);
  // The bytes as that release reads them; nullptr when it would refuse them. Valid as long as this object.
  std::unique_ptr<google::protobuf::Message> Parse(absl::string_view message,
                                                   const std::string& bytes);

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
};

// What keeps one who knows `before` and one who knows `after` from reading each other's messages: a message, field, enum
// value or method that is gone or has another number, type or kind. What is only new is no difference.
std::vector<std::string> Differences(const google::protobuf::FileDescriptor& before,
                                     const google::protobuf::FileDescriptor& after);

}  // namespace moa::compat
