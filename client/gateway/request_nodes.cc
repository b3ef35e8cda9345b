#include "client/gateway/request_nodes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace moa::gateway {

Node MappingNode(std::string key) {
  Node node;
  node.kind = NodeKind::kMapping;
  node.key = std::move(key);
  return node;
}

Node SequenceNode(std::string key) {
  Node node;
  node.kind = NodeKind::kSequence;
  node.key = std::move(key);
  return node;
}

Node TextNode(std::string key, std::string text, const Node& place) {
  Node node;
  node.text = std::move(text);
  node.quoted = true;
  node.line = place.line;
  node.column = place.column;
  node.key = std::move(key);
  return node;
}

Node Named(Node node, std::string key) {
  node.key = std::move(key);
  return node;
}

void Drop(Node* mapping, absl::string_view key) {
  auto& children = mapping->children;
  children.erase(std::remove_if(children.begin(), children.end(),
                                [&](const Node& child) { return child.key == key; }),
                 children.end());
}

void DropNulls(Node* mapping) {
  auto& children = mapping->children;
  children.erase(std::remove_if(children.begin(), children.end(),
                                [](const Node& child) { return child.IsNull(); }),
                 children.end());
}

Node* FindChild(Node* mapping, absl::string_view key) {
  for (Node& child : mapping->children) {
    if (child.key == key) return &child;
  }
  return nullptr;
}

std::string TextOfContent(const Field& content, const std::vector<std::string>& types) {
  if (!content.present() || content.node().kind != NodeKind::kSequence) {
    return content.String().value_or("");
  }
  std::string joined;
  bool first = true;
  for (const Field& item : content.Items()) {
    Mapping part(item);
    const Field type = part["type"];
    const std::optional<std::string> name = type.String();
    if (name && std::find(types.begin(), types.end(), *name) == types.end()) {
      type.Report(
          absl::StrCat("only parts of type \"", absl::StrJoin(types, "\" or \""), "\" are taken"));
      continue;
    }
    absl::StrAppend(&joined, first ? "" : "\n", part.Required("text").String().value_or(""));
    first = false;
  }
  return joined;
}

}  // namespace moa::gateway
