#include "common/document/document.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace moa {

const Node* Node::Find(absl::string_view name_of_key) const {
  for (const Node& child : children) {
    if (child.key == name_of_key) return &child;
  }
  return nullptr;
}

bool Node::IsNull() const {
  return kind == NodeKind::kScalar && !quoted &&
         (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL");
}

const Node& Document::Nearest(absl::string_view path) const {
  const Node* at = &root;
  while (!path.empty()) {
    const Node* next = nullptr;
    if (path[0] == '[') {
      const size_t end = path.find(']');
      size_t index = 0;
      if (end == absl::string_view::npos || !absl::SimpleAtoi(path.substr(1, end - 1), &index))
        break;
      if (at->kind == NodeKind::kSequence && index < at->children.size()) {
        next = &at->children[index];
      }
      path.remove_prefix(end + 1);
    } else {
      const absl::string_view key = path.substr(0, path.find_first_of(".["));
      if (key.empty()) break;
      if (at->kind == NodeKind::kMapping) next = at->Find(key);
      path.remove_prefix(key.size());
    }
    if (next == nullptr) break;
    at = next;
    if (!path.empty() && path[0] == '.') path.remove_prefix(1);
  }
  return *at;
}

std::optional<Document> ReadDocument(absl::string_view text, absl::string_view file,
                                     Problems& problems, const DocumentLimits& limits) {
  bool json = absl::EndsWithIgnoreCase(file, ".json");
  if (!json && !absl::EndsWithIgnoreCase(file, ".yaml") &&
      !absl::EndsWithIgnoreCase(file, ".yml")) {
    const absl::string_view start = absl::StripLeadingAsciiWhitespace(text);
    json = !start.empty() && (start[0] == '{' || start[0] == '[');
  }
  return json ? ReadJson(text, file, problems, limits) : ReadYaml(text, file, problems, limits);
}

}  // namespace moa
