#pragma once

#include "absl/time/time.h"
#include "common/document/field.h"
#include "common/jobfile/agent_fields.h"
#include "moa/v1/job.pb.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// Reads the `moa` mapping of a job file or a preset: layers with their agents, and the aggregator;
// or the changes to a preset's. Types, missing fields and unknown fields are reported; ranges and
// names are the coordinator's to judge.
v1::Moa ReadMoa(const Field& field, MoaForm form);

// `duration`, which is not negative, as the messages have it.
google::protobuf::Duration DurationToProto(absl::Duration duration);

// Reads one preset: name, description, moa.
v1::Preset ReadPreset(const Field& field);

}  // namespace moa
