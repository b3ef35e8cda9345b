#pragma once

#include <string>

#include "client/json/object_writer.h"
#include "google/protobuf/repeated_field.h"
#include "moa/v1/job.pb.h"

namespace moa {

// All of a MoA, or what changes a preset's.
enum class MoaPart { kWhole, kChanges };

// A MoA with the names of the job file, so that what is printed can be put into one. What is not set is left out.
void WriteMoa(const char* key, const v1::Moa& moa, ObjectWriter& out,
              MoaPart part = MoaPart::kWhole);
// "tool_calls": […], or nothing where there are none.
void WriteToolCalls(const google::protobuf::RepeatedPtrField<v1::ToolCall>& calls,
                    ObjectWriter& out);
void WriteResponseFormat(const char* key, const v1::ResponseFormat& format, ObjectWriter& out);

// "500ms", as job files have it.
std::string DurationText(const google::protobuf::Duration& duration);

// A MoA as one text.
std::string MoaJson(const v1::Moa& moa);
// `moa: …` in YAML, many lines, for people; it is a job file's as it stands.
std::string MoaYaml(const v1::Moa& moa);

}  // namespace moa
