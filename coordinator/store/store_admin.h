#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace moa {

// What people do with a store beside running jobs. Owner: the store. Thread-safe; blocks, some of it for minutes, and
// disturbs the writing of jobs for some milliseconds at a time at most.
class StoreAdmin {
 public:
  virtual ~StoreAdmin() = default;

  // For people: "sqlite" or "postgres".
  virtual std::string kind() const = 0;

  struct Space {
    uint64_t used_bytes = 0;
    std::optional<uint64_t> free_bytes{};  // of the disk; unknown where it is another machine's
  };
  virtual absl::StatusOr<Space> SpaceUsed() = 0;

  // The database's own check of all that it holds. DATA_LOSS: what is wrong.
  virtual absl::Status CheckFile() = 0;

  // Deletes jobs that ended before `before`, with all that is theirs; of those that have not ended none. At most about
  // `limit` of them, so that the caller may stop in between: less means that there are no more. With `dry_run` counts
  // all of them and deletes none.
  virtual absl::StatusOr<uint64_t> Prune(absl::Time before, size_t limit, bool dry_run) = 0;

  // Writes a copy of the whole store, as of some moment while this runs, to the file `path`, which is on disk when this
  // returns OK. ALREADY_EXISTS, NOT_FOUND (its folder), INVALID_ARGUMENT (not an absolute path); FAILED_PRECONDITION
  // where the database has its own tools for it, which the message names.
  virtual absl::Status Backup(const std::string& path) = 0;
};

}  // namespace moa
