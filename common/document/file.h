#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace moa {

// The whole content of a file, or of standard input for "-", byte for byte. Blocks.
//
// NotFound, PermissionDenied or FailedPrecondition (a directory, a read error) name the path;
// OutOfRange when there is more than `size_max_bytes`, which is then not read to its end.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t size_max_bytes);

}  // namespace moa
