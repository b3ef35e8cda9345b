#include "common/document/tree_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

// Levels of lists and mappings; the tree is within depth_max.
size_t Height(const Node& node) {
  size_t height = 0;
  for (const Node& child : node.children) height = std::max(height, Height(child));
  return node.kind == NodeKind::kScalar ? 0 : height + 1;
}

}  // namespace

TreeBuilder::TreeBuilder(absl::string_view file, const DocumentLimits& limits, Problems& problems)
    : file_(file), limits_(limits), problems_(problems) {}

bool TreeBuilder::Fail(Position at, std::string message) {
  problems_.Add({file_, at.line, at.column, "", std::move(message)});
  return false;
}

bool TreeBuilder::Scalar(absl::string_view text, bool quoted, Position at) {
  if (ExpectsKey()) return Key(text, at);
  if (!Spend(1, text.size(), at)) return false;
  Node node;
  node.text = std::string(text);
  node.quoted = quoted;
  node.line = at.line;
  node.column = at.column;
  return Attach(std::move(node));
}

bool TreeBuilder::Open(NodeKind kind, Position at) {
  if (ExpectsKey()) return Fail(at, "a key must be plain text, not a list or a mapping");
  if (!Spend(1, 0, at)) return false;
  if (frames_.size() >= static_cast<size_t>(limits_.depth_max)) {
    return Fail(at, absl::StrCat("nested more than ", limits_.depth_max, " deep"));
  }
  Frame frame;
  frame.node.kind = kind;
  frame.node.line = at.line;
  frame.node.column = at.column;
  frames_.push_back(std::move(frame));
  return true;
}

bool TreeBuilder::Close() {
  Node node = std::move(frames_.back().node);
  frames_.pop_back();
  return Attach(std::move(node));
}

bool TreeBuilder::Graft(const Node& node, Position at) {
  if (ExpectsKey()) return Fail(at, "a key must be plain text, not an alias");
  if (frames_.size() + Height(node) > static_cast<size_t>(limits_.depth_max)) {
    return Fail(at, absl::StrCat("nested more than ", limits_.depth_max, " deep by aliases"));
  }
  if (!Charge(node)) return false;
  Node copy = node;
  copy.line = at.line;
  copy.column = at.column;
  return Attach(std::move(copy));
}

bool TreeBuilder::Charge(const Node& node) {
  std::vector<const Node*> todo = {&node};
  while (!todo.empty()) {
    const Node* next = todo.back();
    todo.pop_back();
    if (!Spend(1, next->text.size() + next->key.size(), {node.line, node.column})) return false;
    for (const Node& child : next->children) todo.push_back(&child);
  }
  return true;
}

bool TreeBuilder::ExpectsKey() const {
  return !frames_.empty() && frames_.back().node.kind == NodeKind::kMapping &&
         !frames_.back().has_key;
}

bool TreeBuilder::Key(absl::string_view text, Position at) {
  if (!Spend(0, text.size(), at)) return false;
  Frame& frame = frames_.back();
  frame.has_key = true;
  frame.key = std::string(text);
  frame.key_at = at;
  const auto [first, inserted] = frame.key_lines.emplace(frame.key, at.line);
  frame.duplicate = !inserted;
  if (!inserted) {
    problems_.Add({file_, at.line, at.column, Path(),
                   absl::StrCat("the key is there twice (first in line ", first->second, ")")});
  }
  last_ = nullptr;
  return true;
}

bool TreeBuilder::Spend(size_t nodes, size_t bytes, Position at) {
  nodes_ += nodes;
  bytes_ += bytes;
  if (nodes_ > limits_.nodes_max) {
    return Fail(at, absl::StrCat("more than ", limits_.nodes_max, " values, aliases put in place"));
  }
  if (bytes_ > limits_.expanded_bytes_max) {
    return Fail(at, absl::StrCat("more than ", limits_.expanded_bytes_max,
                                 " bytes of text, aliases put in place"));
  }
  return true;
}

bool TreeBuilder::Attach(Node node) {
  if (frames_.empty()) {
    root_ = std::move(node);
    last_ = &root_;
    return true;
  }
  Frame& frame = frames_.back();
  last_ = nullptr;
  if (frame.node.kind == NodeKind::kMapping) {
    frame.has_key = false;
    if (frame.duplicate) return true;
    node.key = std::move(frame.key);
    node.key_line = frame.key_at.line;
    node.key_column = frame.key_at.column;
  }
  frame.node.children.push_back(std::move(node));
  last_ = &frame.node.children.back();
  return true;
}

std::string TreeBuilder::Path() const {
  std::string path;
  for (const Frame& frame : frames_) {
    if (frame.node.kind == NodeKind::kSequence) {
      absl::StrAppend(&path, "[", frame.node.children.size(), "]");
    } else if (frame.has_key) {
      absl::StrAppend(&path, path.empty() ? "" : ".", frame.key);
    }
  }
  return path;
}

}  // namespace moa
