#include "tests/compat/schema.h"

#include <google/protobuf/descriptor.pb.h>

#include <fstream>
#include <stdexcept>

#include "absl/strings/str_cat.h"

namespace moa::compat {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::OneofDescriptor;
using google::protobuf::ServiceDescriptor;

using Findings = std::vector<std::string>;

std::string TypeOf(const FieldDescriptor& field) {
  std::string type = absl::StrCat(field.is_repeated() ? "repeated " : "",
                                  field.is_packed() ? "packed " : "", field.type_name());
  if (field.message_type() != nullptr) {
    absl::StrAppend(&type, " ", field.message_type()->full_name());
  }
  if (field.enum_type() != nullptr) absl::StrAppend(&type, " ", field.enum_type()->full_name());
  // Whether absence can be told, and what else it excludes.
  if (field.has_presence()) absl::StrAppend(&type, " with presence");
  const OneofDescriptor* oneof = field.real_containing_oneof();
  if (oneof != nullptr) absl::StrAppend(&type, " of oneof ", oneof->name());
  return type;
}

void CompareEnums(const EnumDescriptor& before, const EnumDescriptor* after, Findings& out) {
  if (after == nullptr) return out.push_back(absl::StrCat(before.full_name(), " is gone"));
  for (int i = 0; i < before.value_count(); ++i) {
    const auto* value = after->FindValueByNumber(before.value(i)->number());
    if (value == nullptr || value->name() != before.value(i)->name()) {
      out.push_back(absl::StrCat(before.value(i)->full_name(), " is no longer number ",
                                 before.value(i)->number()));
    }
  }
}

void CompareMessages(const Descriptor& before, const Descriptor* after, Findings& out) {
  if (after == nullptr) return out.push_back(absl::StrCat(before.full_name(), " is gone"));
  for (int i = 0; i < before.field_count(); ++i) {
    const FieldDescriptor& field = *before.field(i);
    const FieldDescriptor* now = after->FindFieldByNumber(field.number());
    if (now == nullptr || now->name() != field.name()) {
      out.push_back(absl::StrCat(field.full_name(), " is no longer number ", field.number()));
    } else if (TypeOf(*now) != TypeOf(field)) {
      out.push_back(
          absl::StrCat(field.full_name(), " was ", TypeOf(field), " and is ", TypeOf(*now)));
    }
  }
  for (int i = 0; i < before.nested_type_count(); ++i) {
    const Descriptor& nested = *before.nested_type(i);
    CompareMessages(nested, after->FindNestedTypeByName(nested.name()), out);
  }
  for (int i = 0; i < before.enum_type_count(); ++i) {
    const EnumDescriptor& nested = *before.enum_type(i);
    CompareEnums(nested, after->FindEnumTypeByName(nested.name()), out);
  }
}

std::string TypeOf(const MethodDescriptor& method) {
  return absl::StrCat(method.client_streaming() ? "stream " : "", method.input_type()->full_name(),
                      " to ", method.server_streaming() ? "stream " : "",
                      method.output_type()->full_name());
}

void CompareServices(const ServiceDescriptor& before, const ServiceDescriptor* after,
                     Findings& out) {
  if (after == nullptr) return out.push_back(absl::StrCat(before.full_name(), " is gone"));
  for (int i = 0; i < before.method_count(); ++i) {
    const MethodDescriptor& method = *before.method(i);
    const MethodDescriptor* now = after->FindMethodByName(method.name());
    if (now == nullptr) {
      out.push_back(absl::StrCat(method.full_name(), " is gone"));
    } else if (TypeOf(*now) != TypeOf(method)) {
      out.push_back(
          absl::StrCat(method.full_name(), " was ", TypeOf(method), " and is ", TypeOf(*now)));
    }
  }
}

}  // namespace

OldSchema::OldSchema() {
  google::protobuf::FileDescriptorSet files;
  std::ifstream input(MOA_OLD_SCHEMA, std::ios::binary);
  if (!files.ParseFromIstream(&input)) throw std::runtime_error("no set of files");
  // Each after those that it imports.
  for (const google::protobuf::FileDescriptorProto& file : files.file()) {
    if (pool_.BuildFile(file) == nullptr) throw std::runtime_error(file.name());
  }
}

const FileDescriptor& OldSchema::File(absl::string_view name) {
  const FileDescriptor* file = pool_.FindFileByName(absl::StrCat("moa/v1/", name, ".proto"));
  if (file == nullptr) throw std::runtime_error(absl::StrCat(name, ".proto does not read"));
  return *file;
}

std::unique_ptr<google::protobuf::Message> OldSchema::Parse(absl::string_view message,
                                                            const std::string& bytes) {
  const Descriptor* type = pool_.FindMessageTypeByName(absl::StrCat("moa.v1.", message));
  if (type == nullptr) throw std::runtime_error(absl::StrCat("no message ", message));
  std::unique_ptr<google::protobuf::Message> parsed(factory_.GetPrototype(type)->New());
  if (!parsed->ParseFromString(bytes)) return nullptr;
  return parsed;
}

std::vector<std::string> Differences(const FileDescriptor& before, const FileDescriptor& after) {
  Findings out;
  for (int i = 0; i < before.message_type_count(); ++i) {
    const Descriptor& message = *before.message_type(i);
    CompareMessages(message, after.FindMessageTypeByName(message.name()), out);
  }
  for (int i = 0; i < before.enum_type_count(); ++i) {
    const EnumDescriptor& type = *before.enum_type(i);
    CompareEnums(type, after.FindEnumTypeByName(type.name()), out);
  }
  for (int i = 0; i < before.service_count(); ++i) {
    const ServiceDescriptor& service = *before.service(i);
    CompareServices(service, after.FindServiceByName(service.name()), out);
  }
  return out;
}

}  // namespace moa::compat
