#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace moa::upstream {

// JSON text that a strict parser refuses for its characters alone, made acceptable without losing
// bytes. The slow way, taken only after the parser refused.

// Bytes that are not UTF-8 are replaced by pairs of noncharacters (U+FDD0 to U+FDEF, which Unicode
// sets aside for a program's own use); lone surrogate escapes by \ufffd.
std::string MakeParsable(absl::string_view json);

// Puts the bytes back that MakeParsable replaced.
std::string RestoreBytes(absl::string_view text);

}  // namespace moa::upstream
