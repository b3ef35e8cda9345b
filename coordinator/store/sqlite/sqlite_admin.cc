#include "coordinator/store/sqlite/sqlite_admin.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "coordinator/store/sqlite/schema.h"

namespace moa {
namespace {

// Deleted in one transaction: a write that comes meanwhile waits for it.
constexpr size_t kBatchMax = 100;
// Copied in one step, between which others get the file.
constexpr int kPagesAtOnce = 256;
constexpr int kBusyPauseMs = 20;

constexpr char kOld[] = "FROM jobs WHERE state IN (3, 4, 5) AND created_ns < ?1 AND ended_ns < ?1";

absl::Status SystemError(const std::string& path) {
  return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
}

absl::Status SyncAndClose(int fd, const std::string& path) {
  absl::Status status = fsync(fd) == 0 ? absl::OkStatus() : SystemError(path);
  close(fd);
  return status;
}

absl::Status Sync(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  return fd < 0 ? SystemError(path) : SyncAndClose(fd, path);
}

}  // namespace

absl::StatusOr<uint64_t> FreeBytesAt(const std::string& path) {
  struct statvfs disk = {};
  if (statvfs(path.c_str(), &disk) != 0) return SystemError(path);
  return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
}

absl::StatusOr<StoreAdmin::Space> SqliteAdmin::SpaceUsed() {
  MutexLock lock(mutex_);
  Space space;
  for (const char* suffix : {"", "-wal"}) {
    std::error_code none;
    const auto size = std::filesystem::file_size(database_->path() + suffix, none);
    if (!none) space.used_bytes += size;
  }
  MOA_ASSIGN_OR_RETURN(space.free_bytes, FreeBytesAt(database_->path()));
  return space;
}

absl::Status SqliteAdmin::CheckFile() {
  MutexLock lock(mutex_);
  MOA_ASSIGN_OR_RETURN(const std::string found, database_->QueryText("PRAGMA integrity_check(1)"));
  if (found == "ok") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("SQLite says: ", found));
}

absl::StatusOr<uint64_t> SqliteAdmin::Prune(absl::Time before, size_t limit, bool dry_run) {
  MutexLock lock(mutex_);
  if (dry_run) {
    MOA_ASSIGN_OR_RETURN(
        Statement count,
        Statement::Prepare(*database_, absl::StrCat("SELECT count(*) ", kOld).c_str()));
    count.BindInteger(1, absl::ToUnixNanos(before));
    MOA_RETURN_IF_ERROR(count.Step().status());
    return static_cast<uint64_t>(count.Integer(0));
  }
  uint64_t deleted = 0;
  while (deleted < limit) {
    const size_t batch = std::min(kBatchMax, limit - deleted);
    MOA_ASSIGN_OR_RETURN(const uint64_t some, DeleteBatch(before, batch));
    deleted += some;
    if (some < batch) break;
  }
  return deleted;
}

absl::StatusOr<uint64_t> SqliteAdmin::DeleteBatch(absl::Time before, size_t limit) {
  MOA_RETURN_IF_ERROR(database_->Execute("BEGIN IMMEDIATE"));
  absl::Cleanup undo = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (database_->InTransaction()) database_->Execute("ROLLBACK").IgnoreError();
  };
  std::vector<int64_t> jobs;
  {
    MOA_ASSIGN_OR_RETURN(
        Statement old,
        Statement::Prepare(*database_, absl::StrCat("SELECT job ", kOld, " LIMIT ?2").c_str()));
    old.BindInteger(1, absl::ToUnixNanos(before));
    old.BindInteger(2, static_cast<int64_t>(limit));
    while (true) {
      MOA_ASSIGN_OR_RETURN(const bool more, old.Step());
      if (!more) break;
      jobs.push_back(old.Integer(0));
    }
  }
  {
    MOA_ASSIGN_OR_RETURN(
        Statement events,
        Statement::Prepare(*database_,
                           "DELETE FROM events WHERE job_and_sequence BETWEEN ?1 AND ?2"));
    MOA_ASSIGN_OR_RETURN(Statement spec,
                         Statement::Prepare(*database_, "DELETE FROM specs WHERE job = ?1"));
    MOA_ASSIGN_OR_RETURN(
        Statement grade,
        Statement::Prepare(*database_,
                           "DELETE FROM grades WHERE id = (SELECT id FROM jobs WHERE job = ?1)"));
    MOA_ASSIGN_OR_RETURN(Statement row,
                         Statement::Prepare(*database_, "DELETE FROM jobs WHERE job = ?1"));
    for (const int64_t job : jobs) {
      events.BindInteger(1, job << kSequenceBits);
      events.BindInteger(2, (job << kSequenceBits) | static_cast<int64_t>(kSequenceMax));
      spec.BindInteger(1, job);
      grade.BindInteger(1, job);
      row.BindInteger(1, job);
      MOA_RETURN_IF_ERROR(events.Run());
      MOA_RETURN_IF_ERROR(spec.Run());
      MOA_RETURN_IF_ERROR(grade.Run());
      MOA_RETURN_IF_ERROR(row.Run());
    }
  }
  MOA_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  return jobs.size();
}

absl::Status SqliteAdmin::Backup(const std::string& path) {
  const std::filesystem::path target(path);
  if (!target.is_absolute()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", path, "\" is no absolute path: it names a file on the coordinator's machine"));
  }
  if (std::filesystem::exists(target)) {
    return absl::AlreadyExistsError(absl::StrCat(path, " exists: choose another name"));
  }
  const std::string folder = target.parent_path().string();
  if (!std::filesystem::is_directory(folder)) {
    return absl::NotFoundError(absl::StrCat("there is no folder ", folder));
  }
  const std::string partial = path + ".partial";
  std::filesystem::remove(partial);
  absl::Cleanup remove = [&] {
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
  };
  MutexLock lock(mutex_);
  MOA_RETURN_IF_ERROR(CopyTo(partial));
  MOA_RETURN_IF_ERROR(Sync(partial));
  if (std::rename(partial.c_str(), path.c_str()) != 0) return SystemError(path);
  return Sync(folder);
}

absl::Status SqliteAdmin::CopyTo(const std::string& path) {
  MOA_ASSIGN_OR_RETURN(const std::unique_ptr<Database> copy, Database::Open(path, {}));
  sqlite3_backup* backup = sqlite3_backup_init(copy->handle(), "main", database_->handle(), "main");
  if (backup == nullptr) return copy->ErrorOf(sqlite3_errcode(copy->handle()));
  int code = SQLITE_OK;
  while (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED) {
    code = sqlite3_backup_step(backup, kPagesAtOnce);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) sqlite3_sleep(kBusyPauseMs);
  }
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) return copy->ErrorOf(code);
  // A file of its own, without a log beside it.
  MOA_RETURN_IF_ERROR(copy->Execute("PRAGMA journal_mode = DELETE"));
  MOA_ASSIGN_OR_RETURN(const std::string sound, copy->QueryText("PRAGMA quick_check(1)"));
  if (sound == "ok") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the copy is damaged: ", sound));
}

}  // namespace moa
