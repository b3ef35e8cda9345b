#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/trace/trace_context.h"
#include "coordinator/tracing/span.h"
#include "moa/v1/job.pb.h"

namespace moa {

// A job as spans of OpenTelemetry: the job, in it its stages, in those their tasks, and in each task the call that
// answered, or the last one, and those that failed before it. A model's server sees that call's span as its caller, whichever attempt asks it.
//
//   job                         the client's span is its parent, where it sent one
//     layer 1 round 1
//       invoke_agent planner
//         chat gpt-oss-120b
//     aggregator
//
// Attributes are OpenTelemetry's for generative AI where it has one, else `moa.`; no prompt, no answer and no text of an
// error is among them. Ids are a function of the job's id, so that whoever goes on with a job gives the same ones. Pure.

// The span that the job's own spans hang under, and whether they are recorded: as the client says, else `share` of
// all jobs.
TraceContext ContextOf(absl::string_view job_id, const std::optional<TraceContext>& client,
                       double share);

// Of the call of a task.
std::string CallSpanId(absl::string_view trace_id, absl::string_view job_id, uint32_t task);

// `job` needs the fields that a job is known by: job_id, create_time, spec.name, spec.tenant.
std::vector<Span> JobSpans(const v1::Job& job, const std::vector<v1::JobEvent>& events,
                           const TraceContext& context);

}  // namespace moa
