#pragma once

#include <memory>
#include <string>

#include "common/loop/mutex.h"
#include "coordinator/store/sqlite/database.h"
#include "coordinator/store/store_admin.h"

namespace moa {

// Owner: the store. Thread-safe: one call at a time, on a connection of its own.
class SqliteAdmin : public StoreAdmin {
 public:
  explicit SqliteAdmin(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  std::string kind() const override { return "sqlite"; }
  absl::StatusOr<Space> SpaceUsed() override;
  absl::Status CheckFile() override;
  absl::StatusOr<uint64_t> Prune(absl::Time before, size_t limit, bool dry_run) override;
  absl::Status Backup(const std::string& path) override;

 private:
  absl::StatusOr<uint64_t> DeleteBatch(absl::Time before, size_t limit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CopyTo(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  const std::unique_ptr<Database> database_ ABSL_PT_GUARDED_BY(mutex_);
};

// Bytes that may still be written where `path` lies; UNAVAILABLE when the system does not say.
absl::StatusOr<uint64_t> FreeBytesAt(const std::string& path);

}  // namespace moa
