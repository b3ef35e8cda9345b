#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace moa::docs {

// As much of Markdown as the tests of the documents need.

// A fenced block: ```sh … ```.
struct Block {
  std::string language;  // what follows the fence; may be empty
  std::string text;
  int line = 0;  // of the opening fence
};
std::vector<Block> FencedBlocks(absl::string_view markdown);

// Targets of links to files: no URLs, no anchors.
std::vector<std::string> RelativeLinks(absl::string_view markdown);

// Every word of `markdown`, in code or not, that begins with `prefix` and goes on with letters,
// digits, '_' or '-', once each, sorted. Words that end in one of "_-" (an elision as in `moa_…`)
// are left out.
std::vector<std::string> WordsWithPrefix(absl::string_view markdown, absl::string_view prefix);

}  // namespace moa::docs
