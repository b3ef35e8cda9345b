#include "coordinator/store/postgres/postgres_job_store.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/store/postgres/postgres_admin.h"
#include "coordinator/store/postgres/postgres_reader.h"
#include "coordinator/store/postgres/postgres_replicas.h"
#include "coordinator/store/postgres/postgres_writer.h"

namespace moa {
namespace {

constexpr absl::Duration kCloseTimeout = absl::Seconds(5);

class PostgresJobStore : public JobStore {
 public:
  PostgresJobStore(const std::string& url, std::unique_ptr<PostgresWriter> writer,
                   PostgresJobStoreOptions options)
      : reader_(url, options.readers),
        replicas_(
            url, [sink = writer.get()] { return sink->epoch(); }, reader_),
        admin_(url),
        writer_(std::move(writer), std::move(options.writer)) {}
  ~PostgresJobStore() override { writer_.Close(kCloseTimeout).IgnoreError(); }

  absl::StatusOr<uint64_t> NextEpoch() override { return writer_.NextEpoch(); }
  void Insert(NewJob job, GroupWriter::InsertDone done) override {
    writer_.Insert(std::move(job), std::move(done));
  }
  void Update(JobUpdate update, absl::AnyInvocable<void()> done) override {
    writer_.Update(std::move(update), std::move(done));
  }
  absl::StatusOr<StoredJob> Read(const JobId& id) override { return reader_.Read(id); }
  absl::StatusOr<std::vector<StoredEvent>> ReadEvents(const JobId& id,
                                                      uint64_t after_sequence) override {
    return reader_.ReadEvents(id, after_sequence);
  }
  absl::StatusOr<std::vector<JobRow>> List(const JobQuery& query) override {
    return reader_.List(query);
  }
  absl::StatusOr<JobCounts> Count(const std::string& tenant) override {
    return reader_.Count(tenant);
  }
  absl::StatusOr<std::vector<StoredGrade>> ListGrades(const GradeQuery& query) override {
    return reader_.ListGrades(query);
  }
  absl::StatusOr<std::vector<LeaderboardEntry>> Leaderboard(const std::string& tenant,
                                                            const std::string& grader,
                                                            size_t limit) override {
    return reader_.Leaderboard(tenant, grader, limit);
  }
  absl::StatusOr<std::vector<JobId>> ListUnfinished() override { return reader_.ListUnfinished(); }
  ReplicaStore* replicas() override { return &replicas_; }
  StoreAdmin* admin() override { return &admin_; }
  absl::Status Health() const override { return writer_.Health(); }
  size_t PendingWrites() const override { return writer_.PendingWrites(); }
  absl::Status Close(absl::Duration timeout) override { return writer_.Close(timeout); }

 private:
  PostgresReader reader_;
  PostgresReplicas replicas_;
  PostgresAdmin admin_;
  GroupWriter writer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<JobStore>> OpenPostgresJobStore(const std::string& url,
                                                               PostgresJobStoreOptions options) {
  absl::StatusOr<std::unique_ptr<PostgresWriter>> writer = PostgresWriter::Open(url);
  if (!writer.ok()) {
    return absl::Status(writer.status().code(),
                        absl::StrCat("the store in PostgreSQL: ", writer.status().message()));
  }
  return std::unique_ptr<JobStore>(
      std::make_unique<PostgresJobStore>(url, *std::move(writer), std::move(options)));
}

}  // namespace moa
