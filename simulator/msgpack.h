#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moa::simulator {

// The JSON text of a body of type application/vnd.msgpack, which the API takes as well as JSON
// (CEREBRAS_API.md, section 2). Values that JSON does not have are refused: bytes, extensions, NaN
// and infinities, keys that are no strings. Strings that are not UTF-8 pass through; whoever reads
// the JSON refuses them.
//
// InvalidArgument names the byte where the body is wrong; ResourceExhausted: the text would be
// longer than `size_max`. Nesting is bounded by 64.
absl::StatusOr<std::string> MsgpackToJson(absl::string_view bytes, size_t size_max);

}  // namespace moa::simulator
