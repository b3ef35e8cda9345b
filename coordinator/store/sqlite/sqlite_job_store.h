#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/store/group_writer.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/sqlite/database.h"

namespace moa {

struct SqliteJobStoreOptions {
  GroupWriter::Options writer;  // `run_callbacks` among them
  Database::Options database;
  // Reads that run at the same time; further ones wait. Each costs a connection with its cache.
  int readers = 2;
  // While the disk has less left than this, new jobs are refused (RESOURCE_EXHAUSTED) and Health() says so: it is for
  // the ends of those that were accepted. 0: not looked at. `free_bytes_at` is FreeBytesAt but in tests.
  uint64_t free_bytes_min = 0;
  std::function<absl::StatusOr<uint64_t>(const std::string& path)> free_bytes_at;
  // What the search for damage may add to the start.
  absl::Duration check_time_max = absl::Milliseconds(1500);
};

// Opens the store in the file `path`, which is created when it does not exist (its directory must).
// Beside it lie `path`-wal and `path`-shm, which belong to it, and `path`.lock. Blocks.
//
//   SqliteJobStoreOptions options;
//   options.writer.run_callbacks = [&loop](std::vector<JobStore::Callback> group) {
//     loop.Post([group = std::move(group)]() mutable { for (auto& done : group) done(); });
//   };
//   MOA_ASSIGN_OR_RETURN(std::unique_ptr<JobStore> store, OpenSqliteJobStore(path, options));
//
// Every error names the path and says what to do, and leaves an existing file as it was:
//   FAILED_PRECONDITION  in use by another process; not a database; another application's or a newer
//                        version's; a directory
//   NOT_FOUND            no such directory
//   PERMISSION_DENIED    the file, its directory or its file system is read-only
//   DATA_LOSS            damaged or truncated
//   UNAVAILABLE          full disk, I/O error, locked by another program
//
// The store's destructor closes it (at most 5 s for writes that the disk does not take) and gives
// the lock back; after Close reads still work.
absl::StatusOr<std::unique_ptr<JobStore>> OpenSqliteJobStore(const std::string& path,
                                                             SqliteJobStoreOptions options);

}  // namespace moa
