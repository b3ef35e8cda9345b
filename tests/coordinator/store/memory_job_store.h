#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/loop/mutex.h"
#include "coordinator/store/job_store.h"

namespace moa {

// A JobStore without a disk, for the tests of its users: each write is a group of its own, whose
// callback is handed over before the call returns, unless Hold was called. Thread-safe; the runner
// and the callbacks are called without the mutex.
class MemoryJobStore : public JobStore {
 public:
  explicit MemoryJobStore(CallbackRunner runner = nullptr) : runner_(std::move(runner)) {}

  // From now on callbacks are kept, as by a slow disk; Release hands them over as one group.
  void Hold();
  void Release();
  // While not OK, inserts and epochs fail with UNAVAILABLE and Health() says why, as of a full
  // disk.
  void SetHealth(absl::Status health);

  absl::StatusOr<uint64_t> NextEpoch() override;
  void Insert(NewJob job, absl::AnyInvocable<void(absl::StatusOr<InsertOutcome>)> done) override;
  void Update(JobUpdate update, absl::AnyInvocable<void()> done) override;
  absl::StatusOr<StoredJob> Read(const JobId& id) override;
  absl::StatusOr<std::vector<StoredEvent>> ReadEvents(const JobId& id,
                                                      uint64_t after_sequence) override;
  absl::StatusOr<std::vector<JobRow>> List(const JobQuery& query) override;
  absl::StatusOr<JobCounts> Count(const std::string& tenant) override;
  absl::StatusOr<std::vector<StoredGrade>> ListGrades(const GradeQuery& query) override;
  absl::StatusOr<std::vector<LeaderboardEntry>> Leaderboard(const std::string& tenant,
                                                            const std::string& grader,
                                                            size_t limit) override;
  absl::StatusOr<std::vector<JobId>> ListUnfinished() override;
  absl::Status Health() const override;
  size_t PendingWrites() const override;
  absl::Status Close(absl::Duration timeout) override;

 private:
  struct Job {
    NewJob job;
    std::map<uint64_t, StoredEvent> events;
  };

  absl::Status Refusal() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<InsertOutcome> InsertLocked(NewJob job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(Callback callback) ABSL_LOCKS_EXCLUDED(mutex_);
  void Run(std::vector<Callback> group) ABSL_LOCKS_EXCLUDED(mutex_);

  const CallbackRunner runner_;

  mutable Mutex mutex_;
  std::map<JobId, Job> jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<JobId, StoredGrade> grades_ ABSL_GUARDED_BY(mutex_);
  std::vector<Callback> held_ ABSL_GUARDED_BY(mutex_);
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace moa
