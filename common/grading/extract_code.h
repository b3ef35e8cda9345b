#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace moa {

struct ExtractedCode {
  enum class Source {
    kBlock,        // a fenced block that is closed
    kOpenBlock,    // one that is not: the answer was cut off
    kBare,         // code without a fence around it
    kWholeAnswer,  // nothing that looks like code; what there is, for an error message that shows it
  };
  std::string code;  // lines end in \n
  Source source = Source::kWholeAnswer;
};

// The Python code in a model's answer that is to define `function`. docs/grading.md has the rule:
//
//   1. Reasoning (<think>…</think> and the like) is no part of the answer. Where only the end of it is there, nothing
//      before it is; where only the beginning, nothing after it.
//   2. The last fenced block that defines `function` is taken: of Python's or without a language; else one that was cut
//      off; else one of another language. A model that corrects itself does so further down.
//   3. Else the code outside of blocks, if it defines `function`, without the prose around it.
//   4. Else the last block, else all that there is: it is not for this function to say what is wrong with it.
//
// Pure, linear in the answer; any bytes are taken.
ExtractedCode ExtractCode(absl::string_view answer, absl::string_view function);

}  // namespace moa
