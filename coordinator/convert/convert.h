#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/inspection.h"
#include "coordinator/engine/job_machine.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/prompt.h"
#include "coordinator/engine/types.h"
#include "moa/v1/job.pb.h"
#include "moa/v1/moa.pb.h"
#include "moa/v1/worker.pb.h"

namespace moa {

// The one place where the coordinator's protobuf messages become plain structs and back. Nothing is
// validated here: a value that the engine does not know (a later enum value) becomes its "unspecified".
// Round trips are tested. Functions that take a pointer to a message move its texts out.
// Pure functions; thread-safe.

JobSpec SpecFromProto(v1::JobSpec* proto);  // without `preset`, which the caller expands
void SpecToProto(const JobSpec& spec, v1::JobSpec* proto);
GradedJob GradedFromProto(v1::GradedJob* proto);
void GradedToProto(const GradedJob& graded, v1::GradedJob* proto);
absl::Duration DurationFromProto(const google::protobuf::Duration& proto);
void DurationToProto(absl::Duration duration, google::protobuf::Duration* proto);
MoaSpec MoaFromProto(v1::Moa* proto);
void MoaToProto(const MoaSpec& moa, v1::Moa* proto);
// Sampling parameters without what names the agent.
void SamplingToProto(const Agent& agent, v1::Agent* proto);
void FormatToProto(const ResponseFormat& format, v1::ResponseFormat* proto);
Message MessageFromProto(v1::Message* proto);
void MessageToProto(const Message& message, v1::Message* proto);

Completion CompletionFromProto(v1::Completion* proto);
void CompletionToProto(const Completion& completion, v1::Completion* proto);
void UsageToProto(const Usage& usage, v1::Usage* proto);
Usage UsageFromProto(const v1::Usage& proto);
Error ErrorFromProto(const v1::Error& proto);
TraceHeaders TraceFromProto(const v1::TraceHeaders& proto);
void TraceToProto(const TraceHeaders& trace, v1::TraceHeaders* proto);
void ErrorToProto(const Error& error, v1::Error* proto);
v1::JobState JobStateToProto(JobState state);
JobState JobStateFromProto(v1::JobState state);
v1::TaskState TaskStateToProto(TaskState state);
TaskState TaskStateFromProto(v1::TaskState state);

google::protobuf::Timestamp TimeToProto(absl::Time time);
absl::Time TimeFromProto(const google::protobuf::Timestamp& proto);

void TaskIdToProto(const Plan& plan, uint32_t task, v1::TaskId* proto);
void RecordToProto(const Plan& plan, const Record& record, v1::JobEvent* proto);
absl::StatusOr<Record> RecordFromProto(const Plan& plan, v1::JobEvent* proto);

v1::StageKind StageKindToProto(StageKind kind);
uint64_t ToMicros(absl::Duration duration);  // whole ones, never negative
void ResultToProto(const Plan& plan, const TaskResult& result, v1::TaskResult* proto);
void JobUsageToProto(const JobUsage& usage, v1::JobUsage* proto);
void InspectionToProto(const Inspection& inspection, v1::InspectJobResponse* proto);

// The job as GetJob shows it. `now` is the end of the latency of a job that still runs.
void JobToProto(const JobMachine& machine, absl::Time now, v1::Job* proto);

AttemptRef RefFromProto(const v1::AttemptRef& proto);
void RefToProto(const AttemptRef& ref, v1::AttemptRef* proto);
// The end of an attempt as the engine's event.
Event FinishedFromProto(v1::AttemptFinished* proto);

// Fills everything of `proto` but the prompt's parts, the reference, the hash and the time limits.
void CallToProto(const CallInput& input, const JobSpec& spec, v1::RunTask* proto);

}  // namespace moa
