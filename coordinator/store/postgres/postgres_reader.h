#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/loop/mutex.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/postgres/session.h"

namespace moa {

// The queries of a store, on some connections of their own. Each call sees one consistent state: what was committed
// when it began. A connection that is lost is made anew, once a call. Thread-safe; callers wait for a free connection.
class PostgresReader {
 public:
  PostgresReader(const std::string& url, int connections);

  // As the functions of JobStore; errors as Session.
  absl::StatusOr<StoredJob> Read(const JobId& id);
  absl::StatusOr<JobRow> Find(const JobId& id);
  absl::StatusOr<std::vector<StoredEvent>> ReadEvents(const JobId& id, uint64_t after_sequence);
  absl::StatusOr<std::vector<JobRow>> List(const JobQuery& query);
  absl::StatusOr<JobCounts> Count(const std::string& tenant);
  absl::StatusOr<std::vector<StoredGrade>> ListGrades(const GradeQuery& query);
  absl::StatusOr<std::vector<LeaderboardEntry>> Leaderboard(const std::string& tenant,
                                                            const std::string& grader,
                                                            size_t limit);
  absl::StatusOr<std::vector<JobId>> ListUnfinished();

 private:
  absl::StatusOr<std::vector<Rows>> Run(absl::Span<const Session::Command> commands)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<Rows>> RunOn(std::unique_ptr<Session>& session,
                                          absl::Span<const Session::Command> commands);

  const std::string url_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::unique_ptr<Session>> free_ ABSL_GUARDED_BY(mutex_);  // null: not yet connected
};

}  // namespace moa
