#include "simulator/request_messages.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace moa::simulator {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr FieldRule kPlainRules[] = {{"role", FieldType::kString, false},
                                     {"content", FieldType::kStringOrArray, false},
                                     {"name", FieldType::kString}};
constexpr FieldRule kAssistantRules[] = {{"role", FieldType::kString, false},
                                         {"content", FieldType::kStringOrArray},
                                         {"name", FieldType::kString},
                                         {"reasoning", FieldType::kString},
                                         {"tool_calls", FieldType::kArray}};
constexpr FieldRule kToolRules[] = {{"role", FieldType::kString, false},
                                    {"content", FieldType::kStringOrArray, false},
                                    {"tool_call_id", FieldType::kString, false},
                                    {"name", FieldType::kString}};
constexpr FieldRule kToolCallRules[] = {{"id", FieldType::kString, false},
                                        {"type", FieldType::kString, false, 0, 0, "function"},
                                        {"function", FieldType::kObject, false},
                                        {"index", FieldType::kInteger}};
constexpr FieldRule kFunctionRules[] = {{"name", FieldType::kString, false},
                                        {"arguments", FieldType::kString, false}};
constexpr FieldRule kTextPartRules[] = {{"type", FieldType::kString, false},
                                        {"text", FieldType::kString, false}};
constexpr FieldRule kImagePartRules[] = {{"type", FieldType::kString, false},
                                         {"image_url", FieldType::kObject},
                                         {"image", FieldType::kAny},
                                         {"detail", FieldType::kString}};

bool Has(const object& object, const char* name) {
  element value;
  return object[name].get(value) == simdjson::SUCCESS;
}

void RequireField(const object& object, const char* name, absl::string_view path,
                  Mistakes& mistakes) {
  if (!Has(object, name)) mistakes.Add(absl::StrCat(path, ".", name, ": Field required"));
}

void ReadParts(const array& parts, absl::string_view path, ChatMessage& message,
               Mistakes& mistakes) {
  size_t index = 0;
  for (const element& item : parts) {
    const std::string part_path = absl::StrCat(path, ".content.", index++);
    object part;
    if (item.get(part) != simdjson::SUCCESS) {
      mistakes.Add(absl::StrCat(part_path, ": Input should be a valid object"));
      continue;
    }
    const absl::string_view type = StringField(part, "type");
    if (type == "text") {
      CheckFields(part, kTextPartRules, part_path, part_path, mistakes);
      RequireField(part, "text", part_path, mistakes);
      const absl::string_view text = StringField(part, "text");
      message.content.append(text.data(), text.size());
    } else if (type == "image_url" || type == "image") {
      CheckFields(part, kImagePartRules, part_path, part_path, mistakes);
      ++message.images;
      object image;
      if (part["image_url"].get(image) == simdjson::SUCCESS) {
        const absl::string_view url = StringField(image, "url");
        if (!absl::StartsWith(url, "data:image/")) {
          mistakes.Add(absl::StrCat(part_path, ".image_url.url: only data: URLs are supported"));
        }
        absl::StrAppend(&message.extra, "\x1fimage:", url);
      }
    } else {
      mistakes.Add(absl::StrCat(part_path, ".type: Input should be 'text', 'image_url'"));
    }
  }
}

// Reads and checks one message's tool calls; their ids go to `open`, in `seen` they must be new.
void ReadToolCalls(const array& calls, absl::string_view path, ChatMessage& message,
                   std::vector<std::string>& open, absl::flat_hash_set<std::string>& seen,
                   Mistakes& mistakes) {
  size_t index = 0;
  for (const element& item : calls) {
    const std::string call_path = absl::StrCat(path, ".tool_calls.", index++);
    object call;
    if (item.get(call) != simdjson::SUCCESS) {
      mistakes.Add(absl::StrCat(call_path, ": Input should be a valid object"));
      continue;
    }
    CheckFields(call, kToolCallRules, absl::StrCat("body.", call_path), call_path, mistakes);
    RequireField(call, "id", absl::StrCat("body.", call_path), mistakes);
    RequireField(call, "function", absl::StrCat("body.", call_path), mistakes);
    object function;
    if (call["function"].get(function) == simdjson::SUCCESS) {
      const std::string function_path = absl::StrCat(call_path, ".function");
      CheckFields(function, kFunctionRules, absl::StrCat("body.", function_path), function_path,
                  mistakes);
      absl::StrAppend(&message.extra, "\x1f", "call:", StringField(function, "name"), ":",
                      StringField(function, "arguments"));
    }
    std::string id(StringField(call, "id"));
    if (!seen.insert(id).second) {
      mistakes.Add(absl::StrCat("body.", call_path, ".id: tool call id '", id, "' is used twice"));
    }
    open.push_back(std::move(id));
  }
}

// One tool message against the calls that wait for one.
void TakeToolMessage(const object& message, absl::string_view path, std::vector<std::string>& open,
                     Mistakes& mistakes) {
  const absl::string_view id = StringField(message, "tool_call_id");
  const auto found = std::find(open.begin(), open.end(), id);
  if (found == open.end()) {
    mistakes.Add(absl::StrCat("body.", path, ": tool message with tool_call_id '", id,
                              "' does not follow an assistant message with that tool call"));
    return;
  }
  open.erase(found);
}

}  // namespace

void ReadMessages(const array& items, std::vector<ChatMessage>& messages, Mistakes& mistakes) {
  std::vector<std::string> open;  // tool calls that have no answer yet
  absl::flat_hash_set<std::string> seen;
  size_t index = 0;
  messages.reserve(items.size());
  for (const element& item : items) {
    const std::string number = absl::StrCat("messages.", index++);
    object fields;
    if (item.get(fields) != simdjson::SUCCESS) {
      mistakes.Add(absl::StrCat("body.", number, ": Input should be a valid object"));
      continue;
    }
    const absl::string_view role = StringField(fields, "role");
    const std::string path = absl::StrCat(number, ".", role.empty() ? "message" : role);
    const std::string body_path = absl::StrCat("body.", path);
    const bool assistant = role == "assistant";
    const bool tool = role == "tool";
    if (!assistant && !tool && role != "system" && role != "user" && role != "developer") {
      mistakes.Add(Has(fields, "role") ? absl::StrCat("body.", number,
                                                      ".role: Input should be 'system', "
                                                      "'developer', 'user', 'assistant', 'tool'")
                                       : absl::StrCat("body.", number, ".role: Field required"));
      continue;
    }
    CheckFields(fields,
                assistant ? absl::MakeConstSpan(kAssistantRules)
                : tool    ? absl::MakeConstSpan(kToolRules)
                          : absl::MakeConstSpan(kPlainRules),
                body_path, path, mistakes);
    if (!assistant) RequireField(fields, "content", body_path, mistakes);
    if (tool) RequireField(fields, "tool_call_id", body_path, mistakes);
    if (!tool && !open.empty()) {
      mistakes.Add(absl::StrCat("body.", path, ": tool call '", open.front(),
                                "' must be followed by a tool message"));
      open.clear();
    }

    ChatMessage& message = messages.emplace_back();
    message.role = std::string(role);
    for (const char* name : {"name", "reasoning", "tool_call_id"}) {
      const absl::string_view value = StringField(fields, name);
      if (!value.empty()) absl::StrAppend(&message.extra, "\x1f", name, ":", value);
    }
    array parts;
    if (fields["content"].get(parts) == simdjson::SUCCESS) {
      ReadParts(parts, body_path, message, mistakes);
    } else {
      message.content = std::string(StringField(fields, "content"));
    }
    array calls;
    if (assistant && fields["tool_calls"].get(calls) == simdjson::SUCCESS) {
      ReadToolCalls(calls, path, message, open, seen, mistakes);
    }
    if (tool) TakeToolMessage(fields, path, open, mistakes);
  }
  if (!open.empty()) {
    mistakes.Add(absl::StrCat("body.messages: tool call '", open.front(),
                              "' must be followed by a tool message"));
  }
}

}  // namespace moa::simulator
