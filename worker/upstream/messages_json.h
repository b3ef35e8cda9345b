#pragma once

#include <cstddef>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/upstream/completion.h"

namespace moa::upstream {

// Same numbers as moa.v1.Role.
enum class Role : int {
  kUnspecified = 0,  // sent as "user"
  kSystem = 1,
  kDeveloper = 2,
  kUser = 3,
  kAssistant = 4,
  kTool = 5,
};

// One message of a conversation, borrowed from its owner while it is being encoded and no longer.
struct Message {
  Role role = Role::kUser;
  absl::string_view content;
  absl::string_view name;
  absl::string_view reasoning;            // kAssistant only
  absl::Span<const ToolCall> tool_calls;  // kAssistant only
  absl::string_view tool_call_id;         // kTool only
};

// How a provider wants the parts of a conversation that are not the same everywhere.
struct MessageStyle {
  // The member that carries an assistant's earlier reasoning; empty: it is left out.
  absl::string_view reasoning_member = "reasoning";
  // Whether there is a role "developer"; else such messages are "system" ones.
  bool developer_role = true;
};

// Messages of a request as JSON text, `{…},{…}`: escaped once, then reused by every call whose
// prompt contains them (a layer's references are the same for all its agents). Copying one copies a
// pointer.
//
// Texts are repaired to valid UTF-8 and NULs written as \u0000, because the provider's JSON reader
// takes nothing else.
//
//   MessagesJson shared = MessagesJson::Encode(conversation);            // once
//   request.prompt = {MessagesJson::Encode({&system, 1}), shared};       // in each call
//
// Owners: whoever holds a copy, on any thread; the last one frees the text. Thread-safe.
class MessagesJson {
 public:
  MessagesJson() = default;  // no message
  static MessagesJson Encode(absl::Span<const Message> messages, const MessageStyle& style = {});

  absl::string_view view() const { return json_; }
  size_t size() const { return view().size(); }
  bool empty() const { return size() == 0; }

 private:
  std::shared_ptr<const void> owner_;
  absl::string_view json_;  // in owner_
};

}  // namespace moa::upstream
