#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "coordinator/engine/validation.h"

namespace moa {
namespace {

constexpr size_t kToolNameMax = 64;

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kDeveloper:
      return "developer";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "assistant";
    case Role::kTool:
      return "tool";
  }
  return "unknown";
}

bool IsBlank(const Text& text) { return absl::StripAsciiWhitespace(text.view()).empty(); }

// Walks the conversation once, keeping the tool calls that still wait for their answers.
class ConversationCheck {
 public:
  explicit ConversationCheck(Violations* violations) : violations_(*violations) {}

  void Visit(size_t index, const Message& message) {
    path_ = absl::StrCat("messages[", index, "]");
    if (message.role == Role::kTool) {
      VisitAnswer(message);
    } else {
      if (!open_.empty()) ReportOpenCalls();
      if (!message.tool_call_id.empty()) {
        Add(".tool_call_id", absl::StrCat("belongs to tool messages, but this one's role is ",
                                          RoleName(message.role)));
      }
    }
    if (message.role == Role::kAssistant) {
      VisitAssistant(message);
      return;
    }
    if (!message.tool_calls.empty()) {
      Add(".tool_calls", absl::StrCat("belong to assistant messages, but this one's role is ",
                                      RoleName(message.role)));
    }
    if (!message.reasoning.empty()) {
      Add(".reasoning", absl::StrCat("belongs to assistant messages, but this one's role is ",
                                     RoleName(message.role)));
    }
    if (message.role == Role::kUser && IsBlank(message.content)) {
      Add(".content", "is empty; a user message must say something");
    }
  }

  void Finish() {
    if (!open_.empty()) ReportOpenCalls();
  }

 private:
  void Add(absl::string_view field, std::string description) {
    violations_.Add(absl::StrCat(path_, field), std::move(description));
  }

  void VisitAnswer(const Message& message) {
    if (message.tool_call_id.empty()) {
      Add(".tool_call_id", "is missing; name the tool call that this message answers");
    } else if (open_.erase(message.tool_call_id) == 0) {
      Add(".tool_call_id",
          absl::StrCat("answers ", Quoted(message.tool_call_id),
                       ", which is no unanswered tool call of the assistant message just before; "
                       "give one tool message for each of its calls, right after it"));
    }
  }

  void VisitAssistant(const Message& message) {
    if (message.tool_calls.empty() && IsBlank(message.content)) {
      Add(".content", "is empty; an assistant message has content or tool calls");
    }
    for (size_t i = 0; i < message.tool_calls.size(); ++i) {
      const ToolCall& call = message.tool_calls[i];
      const std::string field = absl::StrCat(".tool_calls[", i, "]");
      if (!IsName(call.name, kToolNameMax, "_-")) {
        Add(absl::StrCat(field, ".name"),
            absl::StrCat("is ", Quoted(call.name), "; must be 1 to 64 of A-Z a-z 0-9 _ -"));
      }
      if (call.id.empty()) {
        Add(absl::StrCat(field, ".id"), "is missing; a tool message answers a call by its id");
      } else if (!seen_.insert(call.id).second) {
        Add(absl::StrCat(field, ".id"),
            absl::StrCat("repeats ", Quoted(call.id), "; ids of tool calls must be unique"));
      } else {
        open_.insert(call.id);
      }
    }
    calls_path_ = path_;
    calls_ = &message.tool_calls;
  }

  // In the order of the calls: sets have none.
  void ReportOpenCalls() {
    for (size_t i = 0; i < calls_->size(); ++i) {
      const std::string& id = (*calls_)[i].id;
      if (open_.erase(id) == 0) continue;
      violations_.Add(absl::StrCat(calls_path_, ".tool_calls[", i, "]"),
                      absl::StrCat("has no answer; a tool message with tool_call_id ", Quoted(id),
                                   " must follow right after the assistant message"));
    }
    open_.clear();
  }

  Violations& violations_;
  std::string path_;
  std::string calls_path_;                        // of the assistant message that opened `open_`
  const std::vector<ToolCall>* calls_ = nullptr;  // its calls
  absl::flat_hash_set<std::string> open_;         // calls not answered yet
  absl::flat_hash_set<std::string> seen_;         // all ids so far
};

bool LooksLikeJsonObject(const Text& text) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text.view());
  return trimmed.size() >= 2 && trimmed.front() == '{' && trimmed.back() == '}';
}

void ValidateToolChoice(const JobSpec& spec, Violations* violations) {
  const ToolChoice& choice = spec.tool_choice;
  if (choice.mode == ToolChoice::Mode::kUnspecified && choice.function.empty()) return;
  if (spec.tools.empty()) {
    violations->Add("tool_choice", "is given without tools; list the tools or leave it out");
    return;
  }
  if (choice.mode != ToolChoice::Mode::kFunction) {
    if (!choice.function.empty()) {
      violations->Add("tool_choice.function", "is given, so the mode must be FUNCTION");
    }
    return;
  }
  const bool known = std::any_of(spec.tools.begin(), spec.tools.end(),
                                 [&](const Tool& tool) { return tool.name == choice.function; });
  if (!known) {
    violations->Add("tool_choice.function", absl::StrCat("is ", Quoted(choice.function),
                                                         ", which is none of the job's tools"));
  }
}

}  // namespace

bool IsName(absl::string_view name, size_t size_max, absl::string_view others) {
  if (name.empty() || name.size() > size_max) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           others.find(c) != absl::string_view::npos;
  });
}

std::string Quoted(absl::string_view text) {
  constexpr size_t kShownMax = 64;
  const std::string shown = RepairUtf8(Utf8Prefix(text, kShownMax));
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(shown), text.size() > kShownMax ? "…" : "",
                      "\"");
}

void ValidateMessages(const std::vector<Message>& messages, const JobLimits& limits,
                      Violations* violations) {
  if (messages.empty()) {
    violations->Add("messages", "is empty; give a prompt");
    return;
  }
  if (messages.size() > limits.messages_max) {
    violations->Add("messages", absl::StrCat("has ", messages.size(), " messages; at most ",
                                             limits.messages_max, " are allowed (messages_max)"));
    return;
  }
  ConversationCheck check(violations);
  for (size_t i = 0; i < messages.size(); ++i) check.Visit(i, messages[i]);
  check.Finish();
  const Role last = messages.back().role;
  if (last != Role::kUser && last != Role::kTool) {
    violations->Add(absl::StrCat("messages[", messages.size() - 1, "].role"),
                    absl::StrCat("is ", RoleName(last),
                                 "; a conversation must end with a user or tool message"));
  }
}

void ValidateTools(const JobSpec& spec, const JobLimits& limits, Violations* violations) {
  if (!spec.tools.empty() && spec.moa.aggregator.grader) {
    violations->Add("tools", "are given to a grader, which calls none");
  }
  if (spec.tools.size() > limits.tools_max) {
    violations->Add("tools", absl::StrCat("has ", spec.tools.size(), " tools; at most ",
                                          limits.tools_max, " are allowed (tools_max)"));
    return;
  }
  absl::flat_hash_set<absl::string_view> names;
  for (size_t i = 0; i < spec.tools.size(); ++i) {
    const Tool& tool = spec.tools[i];
    const std::string path = absl::StrCat("tools[", i, "]");
    if (!IsName(tool.name, kToolNameMax, "_-")) {
      violations->Add(
          absl::StrCat(path, ".name"),
          absl::StrCat("is ", Quoted(tool.name), "; must be 1 to 64 of A-Z a-z 0-9 _ -"));
    } else if (!names.insert(tool.name).second) {
      violations->Add(absl::StrCat(path, ".name"),
                      absl::StrCat("repeats ", Quoted(tool.name), "; names must be unique"));
    }
    if (!tool.parameters.empty() && !LooksLikeJsonObject(tool.parameters)) {
      violations->Add(absl::StrCat(path, ".parameters"),
                      "must be a JSON Schema object, like {\"type\": \"object\", …}");
    }
  }
  ValidateToolChoice(spec, violations);
}

uint64_t ConversationBytes(const JobSpec& spec) {
  uint64_t bytes = 0;
  for (const Message& message : spec.messages) {
    bytes += message.content.size() + message.name.size() + message.reasoning.size() +
             message.tool_call_id.size();
    for (const ToolCall& call : message.tool_calls) {
      bytes += call.id.size() + call.name.size() + call.arguments.size();
    }
  }
  for (const Tool& tool : spec.tools) {
    bytes += tool.name.size() + tool.description.size() + tool.parameters.size();
  }
  return bytes;
}

}  // namespace moa
