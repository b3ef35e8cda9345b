#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/document/document.h"
#include "common/document/text_check.h"

namespace moa {

// Puts a reader's events together to a tree: knows keys from values, finds duplicate keys, keeps
// the limits. A mapping's keys and values come alternately as Scalar, Open … Close or Graft.
//
// Owner: one reader, for one file. Externally synchronised. Every method but Take returns false
// when reading must stop, with the reason added to the problems.
class TreeBuilder {
 public:
  // Borrows `limits` and `problems` for its lifetime.
  TreeBuilder(absl::string_view file, const DocumentLimits& limits, Problems& problems);

  bool Scalar(absl::string_view text, bool quoted, Position at);
  bool Open(NodeKind kind, Position at);  // kSequence or kMapping
  bool Close();
  // A copy of `node` in this place.
  bool Graft(const Node& node, Position at);

  // Counts a copy of `node` against the limits.
  bool Charge(const Node& node);
  // The value completed last, null where it was a key or a dropped duplicate. Valid until the next
  // event.
  const Node* last() const { return last_; }

  bool Fail(Position at, std::string message);
  Node Take() { return std::move(root_); }

 private:
  struct Frame {
    Node node;
    std::map<std::string, int> key_lines;  // of a mapping
    bool has_key = false;                  // a key was read, its value comes next
    bool duplicate = false;                // … and it was there before
    std::string key;
    Position key_at;
  };

  bool ExpectsKey() const;
  bool Key(absl::string_view text, Position at);
  bool Spend(size_t nodes, size_t bytes, Position at);
  bool Attach(Node node);
  std::string Path() const;

  const std::string file_;
  const DocumentLimits& limits_;
  Problems& problems_;
  std::vector<Frame> frames_;
  Node root_;
  const Node* last_ = nullptr;
  size_t nodes_ = 0;
  size_t bytes_ = 0;
};

}  // namespace moa
