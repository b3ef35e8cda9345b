#pragma once

#include <string>
#include <vector>

#include "coordinator/tracing/span.h"

namespace moa {

// The body of a POST to an OTLP/HTTP collector's /v1/traces in the protocol's JSON encoding. `resource` says who sends:
// service.name and the like. Pure. Texts that are not UTF-8 are repaired.
std::string OtlpJson(const Span::Attributes& resource, const std::string& version,
                     const std::vector<Span>& spans);

}  // namespace moa
