#pragma once

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/sqlite/database.h"

namespace moa {

// The statements that change a store, on a connection of their own. A group is Begin, any number of
// changes, Commit; after any error that is not about one job alone, Rollback undoes the whole
// group.
//
// Owner: the store; its writer thread only, once that has started. Externally synchronised.
class JobWriter {
 public:
  // REQUIRES: `database` has the newest schema.
  static absl::StatusOr<std::unique_ptr<JobWriter>> Create(std::unique_ptr<Database> database);

  ~JobWriter();

  absl::Status Begin();
  // Durable when it returns OK (WAL with synchronous=FULL: the log is on disk).
  absl::Status Commit();
  void Rollback();

  // Inserts the job unless its tenant's idempotency key is taken, also by a job of the same group.
  // The outer status: the group failed. The inner: only this job did (ALREADY_EXISTS: its id is
  // taken).
  absl::StatusOr<absl::StatusOr<InsertOutcome>> Insert(const NewJob& job);

  // Adds the event and changes the job's row. Applying it again changes nothing. An update of a job
  // that the store does not hold, because its insert failed, changes nothing either.
  absl::Status Update(const JobUpdate& update);

  absl::StatusOr<uint64_t> NextEpoch();

  // A change of no meaning, to learn whether the disk takes writes again.
  absl::Status Probe();

  // Moves what the log holds into the file once there is enough of it, so that neither the log nor
  // the time to open the store grows without end. Between groups.
  absl::Status CheckpointIfDue();

  // Moves everything into the file; the log is then removed when the last connection closes.
  void CheckpointOnClose() { database_->SetCheckpointOnClose(true); }

 private:
  struct Statements;

  JobWriter(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements);

  absl::StatusOr<bool> FindByKey(const NewJob& job, InsertOutcome& outcome);
  // The job's number, 0 when the store does not hold it.
  absl::StatusOr<int64_t> FindJob(const JobId& id);
  absl::Status InsertEvent(int64_t job, const StoredEvent& event);

  const std::unique_ptr<Database> database_;
  const std::unique_ptr<Statements> statements_;
  absl::flat_hash_map<JobId, int64_t> numbers_;  // of jobs that have not ended; may lack some
  int log_pages_ = 0;                            // in the write-ahead log after the last commit
  int checkpointed_pages_ = 0;  // of log_pages_ when they were last moved into the file
};

}  // namespace moa
