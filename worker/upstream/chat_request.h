#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "worker/upstream/messages_json.h"

namespace moa::upstream {

// A function that the model may call; as moa.v1.Tool.
struct Tool {
  std::string name;
  std::string description;  // empty: left out
  std::string parameters;   // a JSON object as JSON; empty: left out
  std::optional<bool> strict;
};

struct ToolChoice {
  enum class Mode : int { kUnspecified = 0, kNone = 1, kAuto = 2, kRequired = 3, kFunction = 4 };
  Mode mode = Mode::kUnspecified;  // kUnspecified: left out
  std::string function;            // kFunction only
};

// What the reply must look like; as moa.v1.ResponseFormat.
struct ResponseFormat {
  enum class Type : int { kText = 0, kJsonObject = 1, kJsonSchema = 2 };
  Type type = Type::kText;  // kText: left out
  std::string name;         // kJsonSchema only, as the next
  std::string schema;       // a JSON object as JSON
  bool strict = false;
};

// How long each phase of a call may take. Every wait is bounded, so that a provider that hangs
// costs a slot for a known time. A phase that is over time ends the call with kUpstreamTimeout.
struct Timeouts {
  // Name lookup, TCP and TLS. Prevents an unreachable address from holding the call.
  absl::Duration connect = absl::Seconds(5);
  // From the start to the reply's first byte. A whole reply sends none before the model has
  // finished, so this bounds the model's thinking too.
  absl::Duration first_byte = absl::Seconds(60);
  // Between two bytes of a reply. Catches a stream that stalls long before `total` would.
  absl::Duration idle = absl::Seconds(30);
  // From the start to the last byte.
  absl::Duration total = absl::Minutes(5);
};

inline constexpr absl::Duration kTimeoutMin = absl::Milliseconds(1);
inline constexpr absl::Duration kTimeoutMax = absl::Hours(24);

// One chat completions call. Only what is set here is sent, in the provider's dialect: some answer
// an unknown field with a 400. A value type; cheap to move, and prompts are shared, not copied.
struct ChatRequest {
  std::string model;
  // The conversation: these parts one after another.
  std::vector<MessagesJson> prompt;

  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<uint32_t> max_completion_tokens;
  std::optional<uint64_t> seed;  // sent modulo 2^63: the provider's integers are signed
  std::vector<std::string> stop;
  std::string reasoning_effort;  // empty: left out
  std::optional<double> frequency_penalty;
  std::optional<double> presence_penalty;

  ResponseFormat response_format;

  std::vector<Tool> tools;
  ToolChoice tool_choice;                   // left out when there are no tools
  std::optional<bool> parallel_tool_calls;  // left out when there are no tools

  std::string prompt_cache_key;  // empty: left out; also where the provider does not take it

  // W3C Trace Context, sent as headers of these names; empty: left out. What could end the header's line is not sent.
  std::string traceparent;
  std::string tracestate;

  bool stream = false;
  Timeouts timeouts;  // each is clamped to [kTimeoutMin, kTimeoutMax]
};

// What would make the provider refuse the request or the JSON ill-formed: no model, no message, a
// number that is not finite, a tool's `parameters` or a schema that is not a JSON object. kInvalidArgument, with
// the field's name. Ranges are the provider's to judge (they differ by model).
absl::Status Validate(const ChatRequest& request);

}  // namespace moa::upstream
