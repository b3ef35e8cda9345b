#pragma once

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/sqlite/database.h"
#include "coordinator/store/write_group.h"

namespace moa {

// The statements that change a store, on a connection of their own. After any error that is not about one job alone
// the whole group is undone.
//
// Owner: the store; its writer thread only, once that has started. Externally synchronised.
class JobWriter : public GroupSink {
 public:
  // REQUIRES: `database` has the newest schema.
  static absl::StatusOr<std::unique_ptr<JobWriter>> Create(std::unique_ptr<Database> database);

  ~JobWriter() override;

  // Durable when it returns OK (WAL with synchronous=FULL: the log is on disk).
  absl::Status Apply(WriteGroup& group) override;
  absl::Status Probe() override;

  // Moves what the log holds into the file once there is enough of it, so that neither the log nor
  // the time to open the store grows without end.
  absl::Status Upkeep() override;

  // Moves everything into the file; the log is then removed when the last connection closes.
  void Finish() override { database_->SetCheckpointOnClose(true); }

 private:
  struct Statements;

  JobWriter(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements);

  absl::Status ApplyOne(Write& write);
  // The outer status: the group failed. The inner: only this job did.
  absl::StatusOr<absl::StatusOr<InsertOutcome>> Insert(const NewJob& job);
  absl::Status Update(const JobUpdate& update);
  absl::Status InsertGrade(const StoredGrade& grade);
  absl::StatusOr<uint64_t> NextEpoch();
  void Rollback();
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
