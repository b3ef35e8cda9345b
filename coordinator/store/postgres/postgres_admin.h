#pragma once

#include <string>
#include <utility>

#include "coordinator/store/postgres/session.h"
#include "coordinator/store/store_admin.h"

namespace moa {

// Each call on a connection of its own. Owner: the store. Thread-safe.
class PostgresAdmin : public StoreAdmin {
 public:
  explicit PostgresAdmin(std::string url) : url_(std::move(url)) {}

  std::string kind() const override { return "postgres"; }
  absl::StatusOr<Space> SpaceUsed() override;
  // PostgreSQL checks its pages as it reads them (where it was set up with data checksums): there is nothing else to ask.
  absl::Status CheckFile() override { return absl::OkStatus(); }
  absl::StatusOr<uint64_t> Prune(absl::Time before, size_t limit, bool dry_run) override;
  absl::Status Backup(const std::string& path) override;

 private:
  const std::string url_;
};

}  // namespace moa
