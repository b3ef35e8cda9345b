#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/loop/mutex.h"

namespace moa {

// Keeps a reserve on a store's disk for what was accepted already. Thread-safe; looks at the disk once a second at most.
class FreeSpace {
 public:
  using Look = std::function<absl::StatusOr<uint64_t>(const std::string& path)>;

  // `look`: FreeBytesAt unless it is given. `bytes_min` 0: everything is well.
  FreeSpace(std::string path, uint64_t bytes_min, Look look);

  // RESOURCE_EXHAUSTED: the reserve has been reached; the message says what to do.
  absl::Status Check() const;

 private:
  const std::string path_;
  const uint64_t bytes_min_;
  const Look look_;
  mutable Mutex mutex_;
  mutable absl::Time looked_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  mutable uint64_t free_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace moa
