#include "common/jobfile/conversation_fields.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/document/json_text.h"

namespace moa {
namespace {

v1::Role ReadRole(const Field& field) {
  const std::optional<std::string> role = field.String();
  if (!role) return v1::ROLE_UNSPECIFIED;
  if (*role == "system") return v1::ROLE_SYSTEM;
  if (*role == "developer") return v1::ROLE_DEVELOPER;
  if (*role == "user") return v1::ROLE_USER;
  if (*role == "assistant") return v1::ROLE_ASSISTANT;
  if (*role == "tool") return v1::ROLE_TOOL;
  const std::string near = NearestWord(*role, {"system", "developer", "user", "assistant", "tool"});
  field.Report(absl::StrCat("must be system, developer, user, assistant or tool",
                            near.empty() ? "" : absl::StrCat("; did you mean ", near, "?")));
  return v1::ROLE_UNSPECIFIED;
}

// The API wraps functions: {"type": "function", "function": {…}}. Returns the mapping that holds
// the name.
Mapping Unwrapped(Mapping& outer) {
  if (const auto type = outer["type"].String(); type && *type != "function") {
    outer["type"].Report("must be function");
  }
  const Field function = outer["function"];
  return function.present() ? Mapping(function) : outer;
}

v1::ToolCall ReadToolCall(const Field& field) {
  v1::ToolCall call;
  Mapping outer(field);
  const bool wrapped = outer["function"].present();
  if (auto v = outer["id"].String()) call.set_id(*v);
  Mapping m = Unwrapped(outer);
  if (auto v = m.Required("name").String()) call.set_name(*v);
  if (auto v = m["arguments"].String()) call.set_arguments(*std::move(v));
  m.ReportUnknown();
  if (wrapped) outer.ReportUnknown();
  return call;
}

}  // namespace

v1::Message ReadMessage(const Field& field) {
  v1::Message message;
  Mapping m(field);
  message.set_role(ReadRole(m.Required("role")));
  if (auto v = m["content"].String()) message.set_content(*std::move(v));
  if (auto v = m["name"].String()) message.set_name(*v);
  if (auto v = m["reasoning"].String()) message.set_reasoning(*std::move(v));
  for (const Field& call : m["tool_calls"].Items()) *message.add_tool_calls() = ReadToolCall(call);
  if (auto v = m["tool_call_id"].String()) message.set_tool_call_id(*v);
  m.ReportUnknown();
  return message;
}

v1::Tool ReadTool(const Field& field) {
  v1::Tool tool;
  Mapping outer(field);
  const bool wrapped = outer["function"].present();
  Mapping m = Unwrapped(outer);
  if (auto v = m.Required("name").String()) tool.set_name(*v);
  if (auto v = m["description"].String()) tool.set_description(*std::move(v));
  if (const Field parameters = m["parameters"]; parameters.present()) {
    if (parameters.node().kind == NodeKind::kMapping) {
      tool.set_parameters(ToJson(parameters.node()));
    } else if (auto v = parameters.String()) {
      tool.set_parameters(*std::move(v));
    }
  }
  if (auto v = m["strict"].Bool()) tool.set_strict(*v);
  m.ReportUnknown();
  if (wrapped) outer.ReportUnknown();
  return tool;
}

std::optional<v1::ToolChoice> ReadToolChoice(const Field& field) {
  if (!field.present()) return std::nullopt;
  v1::ToolChoice choice;
  if (field.node().kind == NodeKind::kScalar) {
    const std::string text = field.String().value_or("auto");
    if (text == "none") {
      choice.set_mode(v1::ToolChoice::NONE);
    } else if (text == "auto") {
      choice.set_mode(v1::ToolChoice::AUTO);
    } else if (text == "required") {
      choice.set_mode(v1::ToolChoice::REQUIRED);
    } else {
      field.Report("must be none, auto, required or {function: NAME}");
    }
    return choice;
  }
  choice.set_mode(v1::ToolChoice::FUNCTION);
  Mapping outer(field);
  outer["type"].String();
  const Field function = outer.Required("function");
  if (function.present() && function.node().kind == NodeKind::kMapping) {
    Mapping m(function);
    if (auto v = m.Required("name").String()) choice.set_function(*v);
    m.ReportUnknown();
  } else if (auto v = function.String()) {
    choice.set_function(*v);
  }
  outer.ReportUnknown();
  return choice;
}

void ReadConversation(Mapping& m, v1::JobSpec& spec) {
  const Field prompt = m["prompt"];
  const Field messages = m["messages"];
  if (prompt.present() && messages.present()) {
    messages.Report("give prompt or messages, not both");
  }
  if (auto text = prompt.String()) {
    if (text->empty()) prompt.Report("is empty");
    v1::Message* message = spec.add_messages();
    message->set_role(v1::ROLE_USER);
    message->set_content(*std::move(text));
  }
  for (const Field& item : messages.Items()) *spec.add_messages() = ReadMessage(item);
}

}  // namespace moa
