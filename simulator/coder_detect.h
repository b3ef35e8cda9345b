#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "simulator/coder_issues.h"

namespace moa::simulator::coder {

// What a reader of Python sees in an implementation of the function. Read off the text, by signs that are listed in the
// .cc: exact for what PythonOf writes, a good guess for what others do. Pure; linear in the text.

// The last fenced block that defines the function and returns something; "" when there is none.
std::string CodeIn(absl::string_view answer);

// What stands outside of fenced blocks.
std::string ProseOf(absl::string_view answer);

// The issues that `code` takes care of.
IssueSet HandledIn(absl::string_view code);

}  // namespace moa::simulator::coder
