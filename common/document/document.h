#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/document/problems.h"

namespace moa {

enum class NodeKind { kScalar, kSequence, kMapping };

// A value of a parsed file, with its place. Plain data; a tree owns its children.
struct Node {
  NodeKind kind = NodeKind::kScalar;
  // The scalar's text with quotes and escapes resolved. May hold NULs (written "\0" or "\u0000").
  std::string text;
  // The scalar was quoted (or a YAML block), so it is text even if it reads like a number or null.
  bool quoted = false;
  int line = 0;    // where the value begins, 1-based
  int column = 0;  // in bytes, 1-based

  // The key under which a mapping holds this node, and its place; empty elsewhere.
  std::string key;
  int key_line = 0;
  int key_column = 0;

  // A sequence's items, or a mapping's values in the order of the file. A mapping's keys are
  // unique.
  std::vector<Node> children;

  // The child under `name_of_key`, or null. REQUIRES: kMapping.
  const Node* Find(absl::string_view name_of_key) const;
  // An unquoted `null` (in YAML also `~` and nothing at all): the same as a field left out.
  bool IsNull() const;
};

enum class Format { kYaml, kJson };

// What a reader accepts: a file is refused with a problem where it exceeds one.
struct DocumentLimits {
  // Of the file. A job of 5 MiB of prompt fits, escaped.
  size_t size_max_bytes = 32 << 20;
  // Nesting, so that reading never exhausts the stack.
  int depth_max = 64;
  // Nodes and bytes of text after YAML's aliases are put in place, so that a few lines of aliases
  // of aliases cannot fill the memory.
  size_t nodes_max = 200'000;
  size_t expanded_bytes_max = 64 << 20;
};

// A parsed file. A value type; reading it is thread-safe.
struct Document {
  std::string file;  // as problems name it: a path, or "-" for standard input
  Format format = Format::kYaml;
  Node root;

  // The node at "moa.layers[0].agents[2].model", or the nearest one above it that exists; the root
  // for "".
  const Node& Nearest(absl::string_view path) const;
};

// Reads one YAML document (YAML 1.2 as yaml-cpp has it). Beyond what yaml-cpp refuses these are
// problems: duplicate keys (all of them are reported), keys that are not plain text, a second
// document, tags other than !!str, control characters and ill-formed UTF-8 outside of escapes, and
// everything above a limit. Returns nullopt exactly when it added to `problems`.
std::optional<Document> ReadYaml(absl::string_view text, absl::string_view file, Problems& problems,
                                 const DocumentLimits& limits = {});

// Reads one JSON value by RFC 8259 and no further: comments, trailing commas, duplicate keys, NaN,
// lone surrogates, control characters and ill-formed UTF-8 are problems. A surrogate pair is the
// one character it stands for and "\u0000" is a NUL. Returns nullopt exactly when it added to
// `problems`.
std::optional<Document> ReadJson(absl::string_view text, absl::string_view file, Problems& problems,
                                 const DocumentLimits& limits = {});

// By the file's name: JSON for .json, YAML for .yaml and .yml; for other names (as "-") JSON when
// the first character is a brace or a bracket.
std::optional<Document> ReadDocument(absl::string_view text, absl::string_view file,
                                     Problems& problems, const DocumentLimits& limits = {});

}  // namespace moa
