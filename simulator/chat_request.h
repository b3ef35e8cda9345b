#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "simulator/api_error.h"
#include "simulator/model_table.h"

namespace moa::simulator {

// A request for a completion after its schema has been checked: of all the fields that the API
// accepts, those that the simulator acts on. Value types.

struct ChatMessage {
  std::string role;
  std::string content;  // text parts joined; empty when there are none
  std::string extra;    // name, tool calls, tool_call_id: what else the digest depends on
  int images = 0;
};

struct ToolDefinition {
  std::string name;
  std::string parameters;  // JSON Schema; empty when none was given
};

enum class ToolChoice { kNone, kAuto, kRequired, kFunction };
enum class ResponseFormat { kText, kJsonObject, kJsonSchema };

struct ChatRequest {
  std::string model;
  std::vector<ChatMessage> messages;  // of a text completion: one user message, the prompt
  bool text_completion = false;       // came by /v1/completions
  bool stream = false;
  std::optional<int64_t> max_completion_tokens;  // none: the model's maximum
  int64_t n = 1;
  std::optional<int64_t> seed;
  std::optional<double> temperature;  // none: the service's default, 1
  std::vector<std::string> stop;
  std::string reasoning_effort;  // empty: the model's default
  std::string reasoning_format;
  std::vector<ToolDefinition> tools;
  ToolChoice tool_choice = ToolChoice::kNone;
  std::string tool_choice_name;  // with kFunction
  ResponseFormat response_format = ResponseFormat::kText;
  std::string response_schema_name;  // with kJsonSchema
  std::string response_schema;       // with kJsonSchema; may be empty
  bool logprobs = false;
  bool echo = false;  // text completions: the prompt comes back first
};

// Reads the body of POST /v1/chat/completions (section 2 of CEREBRAS_API.md): unknown properties at
// any level, wrong types, values out of range and the rules of API v2 about tool messages are
// refused with a 400 that lists every mistake, one a line.
std::optional<ApiError> ParseChatRequest(absl::string_view body, ChatRequest& request);

// The same for POST /v1/completions.
std::optional<ApiError> ParseTextRequest(absl::string_view body, ChatRequest& request);

// What depends on the model: roles, reasoning_effort, images, tools together with a response
// format.
std::optional<ApiError> CheckForModel(const ChatRequest& request, const Model& model);

}  // namespace moa::simulator
