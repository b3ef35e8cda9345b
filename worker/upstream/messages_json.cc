#include "worker/upstream/messages_json.h"

#include "worker/upstream/json_writer.h"

namespace moa::upstream {
namespace {

absl::string_view RoleName(Role role, const MessageStyle& style) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kDeveloper:
      return style.developer_role ? "developer" : "system";
    case Role::kUnspecified:
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "assistant";
    case Role::kTool:
      return "tool";
  }
  return "user";
}

void WriteToolCall(const ToolCall& call, JsonWriter& writer) {
  writer.BeginObject();
  writer.Member("id", call.id);
  writer.Member("type", "function");
  writer.Key("function");
  writer.BeginObject();
  writer.Member("name", call.name);
  writer.Member("arguments", call.arguments);
  writer.EndObject();
  writer.EndObject();
}

void WriteMessage(const Message& message, const MessageStyle& style, JsonWriter& writer) {
  writer.BeginObject();
  writer.Member("role", RoleName(message.role, style));
  const bool assistant = message.role == Role::kAssistant;
  const bool calls = assistant && !message.tool_calls.empty();
  // An assistant that only called tools said nothing; the API wants the member left out then.
  if (!calls || !message.content.empty()) writer.Member("content", message.content);
  if (!message.name.empty()) writer.Member("name", message.name);
  if (assistant && !message.reasoning.empty() && !style.reasoning_member.empty()) {
    writer.Member(style.reasoning_member, message.reasoning);
  }
  if (calls) {
    writer.Key("tool_calls");
    writer.BeginArray();
    for (const ToolCall& call : message.tool_calls) WriteToolCall(call, writer);
    writer.EndArray();
  }
  if (message.role == Role::kTool) writer.Member("tool_call_id", message.tool_call_id);
  writer.EndObject();
}

}  // namespace

MessagesJson MessagesJson::Encode(absl::Span<const Message> messages, const MessageStyle& style) {
  MessagesJson result;
  if (messages.empty()) return result;
  size_t text_bytes = 0;
  for (const Message& message : messages) {
    text_bytes += message.content.size() + message.reasoning.size() + 64;
  }
  // A little more than the text: most prompts have a line break to escape in every sixty
  // characters.
  auto buffer =
      std::make_shared<rapidjson::StringBuffer>(nullptr, text_bytes + text_bytes / 32 + 64);
  JsonWriter writer(*buffer);
  for (size_t i = 0; i < messages.size(); ++i) {
    if (i > 0) writer.NextValue();
    WriteMessage(messages[i], style, writer);
  }
  result.json_ = absl::string_view(buffer->GetString(), buffer->GetSize());
  result.owner_ = std::move(buffer);
  return result;
}

}  // namespace moa::upstream
