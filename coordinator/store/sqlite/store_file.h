#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace moa {

// What can be said about a store's path before SQLite touches it, so that errors are in words about
// the path and nothing is written next to a file that is not ours. Stateless; blocks on the disk.

// The absolute path with links resolved, so that one file has one name and one lock. The file need
// not exist; its directory must.
//   INVALID_ARGUMENT    empty, or with a NUL
//   NOT_FOUND           the directory does not exist: it is not created, a typing error would be
//   FAILED_PRECONDITION a directory or a device, not a file
//   PERMISSION_DENIED, UNAVAILABLE
absl::StatusOr<std::string> ResolveStorePath(const std::string& path);

// OK when there is no file, an empty one without a log, or one whose header is a store's.
//   FAILED_PRECONDITION another program's file
//   DATA_LOSS           an empty file whose log is not empty: the store was truncated
absl::Status CheckStoreHeader(const std::string& path);

}  // namespace moa
