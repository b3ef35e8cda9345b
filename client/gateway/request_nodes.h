#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/document/document.h"
#include "common/document/field.h"

namespace moa::gateway {

// Parts of a request as those of a job file: the trees of documents, taken apart and put together. Pure functions.

Node MappingNode(std::string key);
Node SequenceNode(std::string key);
// `place` is where problems with it are.
Node TextNode(std::string key, std::string text, const Node& place);
// The same under another key.
Node Named(Node node, std::string key);
void Drop(Node* mapping, absl::string_view key);
void DropNulls(Node* mapping);
Node* FindChild(Node* mapping, absl::string_view key);

// The text of a message's content: of a text, or of a list of parts of these types, a line end between them. Reports
// parts of other types.
std::string TextOfContent(const Field& content, const std::vector<std::string>& types);

}  // namespace moa::gateway
