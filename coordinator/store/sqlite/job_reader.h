#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/sqlite/database.h"

namespace moa {

// The queries of a store, on a connection of their own, so that they neither wait for the writer
// nor hold it up. Each sees one consistent state: what was committed when it began.
//
// Owner: the store. Externally synchronised: one thread at a time.
class JobReader {
 public:
  // REQUIRES: `database` has the newest schema.
  static absl::StatusOr<std::unique_ptr<JobReader>> Create(std::unique_ptr<Database> database);
  ~JobReader();

  // As the functions of JobStore; errors as Database::ErrorOf.
  absl::StatusOr<StoredJob> Read(const JobId& id);
  absl::StatusOr<std::vector<StoredEvent>> ReadEvents(const JobId& id, uint64_t after_sequence);
  absl::StatusOr<std::vector<JobRow>> List(const JobQuery& query);
  absl::StatusOr<JobCounts> Count(const std::string& tenant);
  absl::StatusOr<std::vector<JobId>> ListUnfinished();
  // For what else is read.
  Database& database() { return *database_; }

 private:
  struct Statements;

  JobReader(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements);

  absl::StatusOr<int64_t> FindJob(const JobId& id);
  absl::StatusOr<std::vector<StoredEvent>> EventsOf(int64_t job, uint64_t after_sequence);
  absl::Status ListState(const JobQuery& query, StoredState state, std::vector<JobRow>& rows);

  const std::unique_ptr<Database> database_;
  const std::unique_ptr<Statements> statements_;
};

}  // namespace moa
