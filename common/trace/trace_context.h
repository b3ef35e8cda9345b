#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace moa {

// W3C Trace Context: who asked for something, so that the spans of several programs become one trace. What travels are
// the headers `traceparent` and `tracestate`. A value type.
struct TraceContext {
  std::string trace_id;  // 32 lower-case hexadecimal digits, not all zero
  std::string span_id;   // 16 of them, not all zero: the caller's span
  bool sampled = false;  // the caller records its span
  std::string state;     // `tracestate` as it came; empty: none
  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// Longer ones are dropped, which the recommendation allows.
inline constexpr size_t kTraceStateBytesMax = 512;

// Reads the headers' values. nullopt: `traceparent` is not well-formed, or of the version that is not allowed (ff), and
// the trace begins anew. A `tracestate` that is too long or is no printable ASCII is dropped.
std::optional<TraceContext> ParseTraceContext(absl::string_view traceparent,
                                              absl::string_view tracestate);

// "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
std::string TraceParent(const TraceContext& context);

// Ids that are a function of what they are of: who goes on with a job after a crash gives its spans the same ones.
std::string DeriveTraceId(absl::string_view of);
std::string DeriveSpanId(absl::string_view trace_id, absl::string_view of);

// Whether a trace without a caller is recorded when a share of 0 to 1 of them is to be; the same for all programs.
bool IsSampled(absl::string_view trace_id, double share);

}  // namespace moa
