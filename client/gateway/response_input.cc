#include "client/gateway/response_input.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/gateway/request_nodes.h"

namespace moa::gateway {
namespace {

constexpr char kItemTypes[] =
    "must be message, function_call, function_call_output, reasoning or item_reference";

// "msg_JOB", "rs_JOB", "fc_JOB_0". Nothing: it is no id of ours.
std::optional<ItemReference> ParseItemId(absl::string_view id) {
  const std::vector<absl::string_view> parts = absl::StrSplit(id, '_');
  if (parts.size() < 2 || parts[1].empty()) return std::nullopt;
  ItemReference reference;
  reference.job_id = std::string(parts[1]);
  if (parts[0] == "fc") {
    reference.kind = ItemReference::Kind::kCall;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[2], &reference.call)) return std::nullopt;
    return reference.call < 0 ? std::nullopt : std::make_optional(reference);
  }
  if (parts.size() != 2 || (parts[0] != "msg" && parts[0] != "rs")) return std::nullopt;
  if (parts[0] == "rs") reference.kind = ItemReference::Kind::kReasoning;
  return reference;
}

}  // namespace

ResponseInput::ResponseInput(AnswerRequest* request)
    : request_(request), messages_(SequenceNode("messages")) {}

void ResponseInput::AddInstructions(const Field& instructions) {
  const std::optional<std::string> text = instructions.String();
  if (!text || text->empty()) return;
  Node* message = Begin("system", instructions);
  message->children.push_back(TextNode("content", *text, instructions.node()));
  Name(".content", instructions.path());
}

void ResponseInput::AddInput(const Field& input) {
  if (!input.present()) return;
  if (input.node().kind == NodeKind::kSequence) {
    for (const Field& item : input.Items()) {
      if (item.present()) AddItem(item);
    }
    if (input.node().children.empty()) input.Report("is empty");
    return;
  }
  const std::optional<std::string> text = input.String();
  if (!text) return;
  Node* message = Begin("user", input);
  message->children.push_back(TextNode("content", *text, input.node()));
  Name(".content", input.path());
}

void ResponseInput::MoveTo(JobDocument* job) {
  // Behind the names of what is in them.
  for (size_t i = 0; i < fields_.size(); ++i) {
    request_->names.Add(absl::StrCat("messages[", i, "]"), fields_[i]);
  }
  request_->names.Add("messages", "input");
  job->Add(std::move(messages_));
}

void ResponseInput::AddItem(const Field& item) {
  Mapping m(item);
  if (!m.present()) return;
  const Field type = m["type"];
  const std::string name = type.String().value_or("message");
  if (name == "message") return AddMessage(item);
  if (name == "function_call") return AddCall(item);
  if (name == "function_call_output") return AddCallOutput(item);
  if (name == "reasoning") return AddReasoning(item);
  if (name == "item_reference") return AddReference(item);
  type.Report(kItemTypes);
}

void ResponseInput::AddMessage(const Field& item) {
  Mapping m(item);
  for (const char* key : {"type", "id", "status", "phase"}) m[key];
  const Field role = m.Required("role");
  const Field content = m.Required("content");
  m.ReportUnknown();
  const std::string name = role.String().value_or("");
  Node text = TextNode("content", TextOfContent(content, {"input_text", "output_text"}),
                       content.present() ? content.node() : item.node());
  if (name == "assistant") {
    Assistant(item, false)->children.push_back(std::move(text));
    return Name(".content", content.path());
  }
  if (name != "user" && name != "system" && name != "developer") {
    if (role.present()) role.Report("must be user, assistant, system or developer");
    return;
  }
  Begin(name.c_str(), item)->children.push_back(std::move(text));
}

void ResponseInput::AddCall(const Field& item) {
  Mapping m(item);
  for (const char* key : {"type", "id", "status"}) m[key];
  Node function = MappingNode("function");
  for (const char* key : {"name", "arguments"}) {
    const Field field = m.Required(key);
    if (field.present()) function.children.push_back(field.node());
  }
  Node call = MappingNode("");
  const Field id = m.Required("call_id");
  if (id.present()) call.children.push_back(Named(id.node(), "id"));
  call.children.push_back(std::move(function));
  m.ReportUnknown();
  Assistant(item, true);
  AddCallNode(item, std::move(call));
}

void ResponseInput::AddCallOutput(const Field& item) {
  Mapping m(item);
  for (const char* key : {"type", "id", "status"}) m[key];
  const Field id = m.Required("call_id");
  const Field output = m.Required("output");
  m.ReportUnknown();
  Node* message = Begin("tool", item);
  if (id.present()) message->children.push_back(Named(id.node(), "tool_call_id"));
  message->children.push_back(TextNode("content", TextOfContent(output, {"input_text"}),
                                       output.present() ? output.node() : item.node()));
  Name(".tool_call_id", id.path());
  Name(".content", output.path());
}

void ResponseInput::AddReasoning(const Field& item) {
  Mapping m(item);
  for (const char* key : {"type", "id", "status", "summary", "encrypted_content"}) m[key];
  const std::string text = TextOfContent(m["content"], {"reasoning_text"});
  m.ReportUnknown();
  assistant_open_ = false;
  if (!text.empty()) {
    absl::StrAppend(&pending_.text, pending_.text.empty() ? "" : "\n", text);
    pending_.field = item.path();
  }
}

void ResponseInput::AddReference(const Field& item) {
  Mapping m(item);
  m["type"];
  const Field id = m.Required("id");
  const std::optional<std::string> text = id.String();
  m.ReportUnknown();
  if (!text) return;
  std::optional<ItemReference> reference = ParseItemId(*text);
  if (!reference) return id.Report("is no id of an item that a response of this gateway had");
  reference->field = item.path();
  switch (reference->kind) {
    case ItemReference::Kind::kReasoning:
      assistant_open_ = false;
      pending_.references.push_back(*std::move(reference));
      return;
    case ItemReference::Kind::kMessage:
      Assistant(item, false)->children.push_back(TextNode("content", "", item.node()));
      break;
    case ItemReference::Kind::kCall: {
      Assistant(item, true);
      // Stands for it until the job is known.
      Node call = MappingNode("");
      call.children.push_back(TextNode("name", "?", item.node()));
      reference->slot = AddCallNode(item, std::move(call));
      break;
    }
  }
  reference->message = message();
  request_->references.push_back(*std::move(reference));
}

Node* ResponseInput::Begin(const char* role, const Field& item) {
  assistant_open_ = absl::string_view(role) == "assistant";
  if (!assistant_open_) pending_ = {};
  Node node = MappingNode("");
  node.line = item.node().line;
  node.column = item.node().column;
  node.children.push_back(TextNode("role", role, item.node()));
  messages_.children.push_back(std::move(node));
  fields_.push_back(item.path());
  return &messages_.children.back();
}

Node* ResponseInput::Assistant(const Field& item, bool call) {
  // Content comes before calls: after either, more content is another message.
  if (!assistant_open_ || !call) Begin("assistant", item);
  TakePending();
  return &messages_.children.back();
}

void ResponseInput::TakePending() {
  Pending pending = std::exchange(pending_, {});
  if (!pending.text.empty()) {
    Node& node = messages_.children.back();
    node.children.push_back(TextNode("reasoning", pending.text, node));
    Name(".reasoning", pending.field);
  }
  for (ItemReference& reference : pending.references) {
    reference.message = message();
    request_->references.push_back(std::move(reference));
  }
}

int ResponseInput::AddCallNode(const Field& item, Node call) {
  Node& node = messages_.children.back();
  if (FindChild(&node, "tool_calls") == nullptr) {
    node.children.push_back(SequenceNode("tool_calls"));
  }
  Node* calls = FindChild(&node, "tool_calls");
  calls->children.push_back(std::move(call));
  const int slot = static_cast<int>(calls->children.size()) - 1;
  Name(absl::StrCat(".tool_calls[", slot, "].function"), item.path());
  Name(absl::StrCat(".tool_calls[", slot, "].id"), absl::StrCat(item.path(), ".call_id"));
  Name(absl::StrCat(".tool_calls[", slot, "]"), item.path());
  return slot;
}

void ResponseInput::Name(const std::string& within, const std::string& field) {
  request_->names.Add(absl::StrCat("messages[", message(), "]", within), field);
}

}  // namespace moa::gateway
