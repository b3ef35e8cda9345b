#include "client/gateway/caller.h"

#include "common/net/random_id.h"
#include "common/trace/trace_context.h"

namespace moa::gateway {

CallHeaders TraceOf(const HttpRequest& request) {
  const auto trace = ParseTraceContext(request.Header("traceparent"), request.Header("tracestate"));
  if (!trace) return {};
  CallHeaders headers = {{"traceparent", TraceParent(*trace)}};
  if (!trace->state.empty()) headers.emplace_back("tracestate", trace->state);
  return headers;
}

std::string KeyOf(const HttpRequest& request) {
  const absl::string_view key = request.Header("Idempotency-Key");
  return key.empty() ? RandomId() : std::string(key);
}

}  // namespace moa::gateway
