#include "coordinator/rpc/moa_merge.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <vector>

namespace moa {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;

void Merge(const google::protobuf::Message& changes, google::protobuf::Message* base);

void MergeList(const google::protobuf::Message& changes, const FieldDescriptor* field,
               google::protobuf::Message* base) {
  const Reflection* reflection = changes.GetReflection();
  const int count = reflection->FieldSize(changes, field);
  for (int i = 0; i < count; ++i) {
    const bool is_new = i >= reflection->FieldSize(*base, field);
    google::protobuf::Message* item = is_new ? reflection->AddMessage(base, field)
                                             : reflection->MutableRepeatedMessage(base, field, i);
    Merge(reflection->GetRepeatedMessage(changes, field, i), item);
  }
}

void Merge(const google::protobuf::Message& changes, google::protobuf::Message* base) {
  const Reflection* reflection = changes.GetReflection();
  std::vector<const FieldDescriptor*> set;
  reflection->ListFields(changes, &set);
  for (const FieldDescriptor* field : set) {
    const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (is_message && field->is_repeated()) {
      MergeList(changes, field, base);
    } else if (is_message) {
      Merge(reflection->GetMessage(changes, field), reflection->MutableMessage(base, field));
    } else {
      // The library's own merge adds to a list what is to replace it.
      reflection->ClearField(base, field);
    }
  }
  if (set.empty()) return;
  // What is left are single values and lists of values.
  const std::unique_ptr<google::protobuf::Message> rest(changes.New());
  rest->CopyFrom(changes);
  for (const FieldDescriptor* field : set) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
      reflection->ClearField(rest.get(), field);
  }
  base->MergeFrom(*rest);
}

}  // namespace

void MergeMoa(const v1::Moa& changes, v1::Moa* base) {
  Merge(changes, base);
  // One way to end replaces the other.
  if (changes.best_answer()) base->clear_aggregator();
  if (changes.has_aggregator() && !changes.best_answer()) base->set_best_answer(false);
}

}  // namespace moa
