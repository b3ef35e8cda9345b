#include "coordinator/store/sqlite/sqlite_job_store.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "coordinator/store/sqlite/file_lock.h"
#include "coordinator/store/sqlite/free_space.h"
#include "coordinator/store/sqlite/grade_reader.h"
#include "coordinator/store/sqlite/job_reader.h"
#include "coordinator/store/sqlite/job_writer.h"
#include "coordinator/store/sqlite/schema.h"
#include "coordinator/store/sqlite/sqlite_admin.h"
#include "coordinator/store/sqlite/store_file.h"

namespace moa {
namespace {

constexpr absl::Duration kCloseTimeout = absl::Seconds(5);

// The free readers; callers wait for one. Thread-safe.
class ReaderPool {
 public:
  void Add(std::unique_ptr<JobReader> reader) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    free_.push_back(std::move(reader));
    changed_.NotifyOne();
  }
  std::unique_ptr<JobReader> Take() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    while (free_.empty()) changed_.Wait(mutex_);
    std::unique_ptr<JobReader> reader = std::move(free_.back());
    free_.pop_back();
    return reader;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::unique_ptr<JobReader>> free_ ABSL_GUARDED_BY(mutex_);
};

// A reader for the length of one call.
class BorrowedReader {
 public:
  explicit BorrowedReader(ReaderPool& pool) : pool_(pool), reader_(pool.Take()) {}
  ~BorrowedReader() { pool_.Add(std::move(reader_)); }
  BorrowedReader(const BorrowedReader&) = delete;
  BorrowedReader& operator=(const BorrowedReader&) = delete;
  JobReader* operator->() { return reader_.get(); }

 private:
  ReaderPool& pool_;
  std::unique_ptr<JobReader> reader_;
};

// Members in the order of construction: the readers close before the writer, whose connection then
// moves the log into the file, and the lock is given back last.
class SqliteJobStore : public JobStore {
 public:
  SqliteJobStore(std::unique_ptr<FileLock> lock, std::unique_ptr<JobWriter> writer,
                 std::unique_ptr<Database> admin, SqliteJobStoreOptions options)
      : lock_(std::move(lock)),
        writer_(std::move(writer), std::move(options.writer)),
        admin_(std::move(admin)) {}
  ~SqliteJobStore() override { writer_.Close(kCloseTimeout).IgnoreError(); }

  void AddReader(std::unique_ptr<JobReader> reader) { readers_.Add(std::move(reader)); }

  absl::StatusOr<uint64_t> NextEpoch() override { return writer_.NextEpoch(); }
  void Insert(NewJob job, GroupWriter::InsertDone done) override {
    writer_.Insert(std::move(job), std::move(done));
  }
  void Update(JobUpdate update, absl::AnyInvocable<void()> done) override {
    writer_.Update(std::move(update), std::move(done));
  }
  absl::StatusOr<StoredJob> Read(const JobId& id) override {
    return BorrowedReader(readers_)->Read(id);
  }
  absl::StatusOr<std::vector<StoredEvent>> ReadEvents(const JobId& id,
                                                      uint64_t after_sequence) override {
    return BorrowedReader(readers_)->ReadEvents(id, after_sequence);
  }
  absl::StatusOr<std::vector<JobRow>> List(const JobQuery& query) override {
    return BorrowedReader(readers_)->List(query);
  }
  absl::StatusOr<JobCounts> Count(const std::string& tenant) override {
    return BorrowedReader(readers_)->Count(tenant);
  }
  absl::StatusOr<std::vector<StoredGrade>> ListGrades(const GradeQuery& query) override {
    return moa::ListGrades(BorrowedReader(readers_)->database(), query);
  }
  absl::StatusOr<std::vector<LeaderboardEntry>> Leaderboard(const std::string& tenant,
                                                            const std::string& grader,
                                                            size_t limit) override {
    return ReadLeaderboard(BorrowedReader(readers_)->database(), tenant, grader, limit);
  }
  absl::StatusOr<std::vector<JobId>> ListUnfinished() override {
    return BorrowedReader(readers_)->ListUnfinished();
  }
  StoreAdmin* admin() override { return &admin_; }
  absl::Status Health() const override { return writer_.Health(); }
  size_t PendingWrites() const override { return writer_.PendingWrites(); }
  absl::Status Close(absl::Duration timeout) override { return writer_.Close(timeout); }

 private:
  const std::unique_ptr<FileLock> lock_;
  GroupWriter writer_;
  ReaderPool readers_;
  SqliteAdmin admin_;
};

absl::Status Configure(Database& database) {
  // FULL: a commit returns when the log is on disk. The log's file is cut back to this size when it
  // starts over after it had grown.
  return database.Execute(
      "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
      "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384;"
      "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = OFF; PRAGMA trusted_schema = OFF");
}

absl::StatusOr<std::unique_ptr<Database>> OpenAndPrepare(const std::string& path,
                                                         const SqliteJobStoreOptions& options) {
  MOA_ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(path, options.database));
  // Before anything is written: only a sound file of ours is changed.
  MOA_ASSIGN_OR_RETURN(const int64_t application, database->QueryInteger("PRAGMA application_id"));
  if (application == kStoreApplicationId) {
    MOA_RETURN_IF_ERROR(CheckIntegrity(*database, options.check_time_max));
  }
  MOA_RETURN_IF_ERROR(CheckOwner(*database, StoreMigrations()));
  MOA_RETURN_IF_ERROR(Configure(*database));
  MOA_ASSIGN_OR_RETURN(const std::string mode, database->QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", path, ": its file system does not support shared memory, which the ",
                     "write-ahead log needs (mode ", mode, "); choose a path on a local disk"));
  }
  MOA_RETURN_IF_ERROR(PrepareSchema(*database, StoreMigrations()));
  return database;
}

}  // namespace

absl::StatusOr<std::unique_ptr<JobStore>> OpenSqliteJobStore(const std::string& path,
                                                             SqliteJobStoreOptions options) {
  MOA_ASSIGN_OR_RETURN(const std::string real_path, ResolveStorePath(path));
  MOA_RETURN_IF_ERROR(CheckStoreHeader(real_path));
  MOA_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock, FileLock::Acquire(real_path));
  MOA_ASSIGN_OR_RETURN(std::unique_ptr<Database> database, OpenAndPrepare(real_path, options));
  MOA_ASSIGN_OR_RETURN(std::unique_ptr<JobWriter> writer, JobWriter::Create(std::move(database)));
  std::vector<std::unique_ptr<JobReader>> readers;
  for (int i = 0; i < options.readers; ++i) {
    MOA_ASSIGN_OR_RETURN(database, Database::Open(real_path, options.database));
    MOA_RETURN_IF_ERROR(Configure(*database));
    MOA_ASSIGN_OR_RETURN(std::unique_ptr<JobReader> reader, JobReader::Create(std::move(database)));
    readers.push_back(std::move(reader));
  }
  MOA_ASSIGN_OR_RETURN(database, Database::Open(real_path, options.database));
  MOA_RETURN_IF_ERROR(Configure(*database));
  if (options.free_bytes_min > 0) {
    options.writer.accepts = [space = std::make_shared<FreeSpace>(real_path, options.free_bytes_min,
                                                                  options.free_bytes_at)] {
      return space->Check();
    };
  }
  auto store = std::make_unique<SqliteJobStore>(std::move(lock), std::move(writer),
                                                std::move(database), std::move(options));
  for (std::unique_ptr<JobReader>& reader : readers) store->AddReader(std::move(reader));
  return std::unique_ptr<JobStore>(std::move(store));
}

}  // namespace moa
