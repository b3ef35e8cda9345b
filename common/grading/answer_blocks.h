#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace moa {

// A fenced block of an answer: ```python … ```.
struct AnswerBlock {
  std::string language;  // the first word after the fence, in lower case; may be empty
  bool closed = false;
  std::vector<absl::string_view> lines;  // without the fence's own indentation
};

// An answer, taken apart. The lines are views into the text that was taken apart.
struct AnswerParts {
  std::vector<AnswerBlock> blocks;
  std::vector<absl::string_view> outside;  // the lines that are in no block
};

// Takes an answer apart: reasoning is left out, and blocks are told from what is around them. As in CommonMark a fence is
// three or more backticks or tildes at a line's begin and is closed by as many of them or more; unlike there it may be
// indented as far as its author likes. `text` has plain line ends. Linear.
AnswerParts TakeApart(absl::string_view text);

}  // namespace moa
