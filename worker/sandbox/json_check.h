#pragma once

#include "absl/strings/string_view.h"

namespace moa::sandbox {

// True when `text` is exactly one JSON value (RFC 8259) that any reader takes: well-formed UTF-8, no lone
// surrogates in escapes, numbers within a double's range, arrays and objects nested at most `depth_max` deep.
// Pure; time linear in the text.
bool IsPlainJson(absl::string_view text, int depth_max);

}  // namespace moa::sandbox
