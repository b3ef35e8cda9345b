#pragma once

#include <string>

#include "common/trace/job_trace.h"

namespace moa {

// One JSON text without a line end each. Texts that are not well-formed UTF-8 are repaired.

// The object of `trace -o json`, which scripts read: fields are added, never renamed or removed.
// Times are milliseconds since the job's acceptance, the sums milliseconds.
std::string TraceJson(const JobTrace& trace);

// Chrome's trace event format, as an array: the job, each stage and each task are threads with
// complete events in microseconds since acceptance. chrome://tracing and Perfetto open it.
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
std::string ChromeTrace(const JobTrace& trace);

}  // namespace moa
