#pragma once

#include <string>

#include "client/moactl/object_writer.h"
#include "google/protobuf/repeated_field.h"
#include "moa/v1/job.pb.h"

namespace moa {

// A MoA with the names of the job file, so that what is printed can be put into one. What is not set is left out.
void WriteMoa(const char* key, const v1::Moa& moa, ObjectWriter& out);
// "tool_calls": […], or nothing where there are none.
void WriteToolCalls(const google::protobuf::RepeatedPtrField<v1::ToolCall>& calls,
                    ObjectWriter& out);
void WriteResponseFormat(const char* key, const v1::ResponseFormat& format, ObjectWriter& out);

// The same as one text.
std::string MoaJson(const v1::Moa& moa);
// `moa: …` in YAML, many lines, for people; it is a job file's as it stands.
std::string MoaYaml(const v1::Moa& moa);

}  // namespace moa
