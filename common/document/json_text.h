#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/document/document.h"

namespace moa {

// The value as one line of JSON, for what is passed on as JSON (a tool's parameters). Plain scalars
// that JSON knows (null, true, false, numbers) stay what they are, everything else is text.
// Ill-formed UTF-8, which only YAML's escapes can make, is repaired.
std::string ToJson(const Node& node);

// True for a number by JSON's grammar: "-1.5e3"; not "+1", ".5", "01", "0x1".
bool IsJsonNumber(absl::string_view text);

}  // namespace moa
