#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace moa {

// One span of OpenTelemetry's data model. A value type.
struct Span {
  enum class Kind : int { kInternal = 1, kServer = 2, kClient = 3 };  // OTLP's numbers
  using Value = std::variant<std::string, int64_t, double, bool>;
  using Attributes = std::vector<std::pair<std::string, Value>>;

  std::string trace_id;   // 32 hexadecimal digits
  std::string span_id;    // 16
  std::string parent_id;  // empty: the trace begins here
  std::string state;      // W3C tracestate
  std::string name;
  Kind kind = Kind::kInternal;
  absl::Time begin;
  absl::Time end;
  Attributes attributes;
  std::vector<std::pair<absl::Time, std::string>> events;
  std::optional<std::string> error;  // why it failed
  friend bool operator==(const Span&, const Span&) = default;
};

}  // namespace moa
