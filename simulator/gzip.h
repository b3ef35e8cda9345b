#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moa::simulator {

// The text of a gzip body. ResourceExhausted above `size_max` (a bomb unpacks to a thousand times
// its size); InvalidArgument when it is not gzip or is cut.
absl::StatusOr<std::string> Gunzip(absl::string_view bytes, size_t size_max);

}  // namespace moa::simulator
