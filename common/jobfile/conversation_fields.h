#pragma once

#include <optional>

#include "common/document/field.h"
#include "moa/v1/job.pb.h"

namespace moa {

// Reads one message of `messages`: role, content, and what the chat completions API has besides:
// name, reasoning, tool_calls, tool_call_id.
v1::Message ReadMessage(const Field& field);

// Reads `prompt` or `messages`.
void ReadConversation(Mapping& m, v1::JobSpec& spec);

// Reads one entry of `tools`: {name, description, parameters, strict}, or the API's form with these
// under `function`. `parameters` is a mapping (a JSON Schema) or text that holds one as JSON.
v1::Tool ReadTool(const Field& field);

// Reads `tool_choice`: none, auto, required, or {function: NAME} or the API's {type, function:
// {name}}.
std::optional<v1::ToolChoice> ReadToolChoice(const Field& field);

}  // namespace moa
