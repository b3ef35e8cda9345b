#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "common/loop/mutex.h"

namespace moa {

// SQLite's seam to the operating system with a hand on every operation that changes a file: the
// system's VFS wrapped so that a test can let operations fail, cut writes short, hold syncs up, and
// take the image that a power cut would leave. Register one, name it in Database::Options::vfs.
//
// Owner: the test; outlives the stores that use it. Thread-safe.
class FaultyVfs {
 public:
  enum class Operation { kRead, kWrite, kShortWrite, kSync, kTruncate };

  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  const std::string& name() const { return name_; }

  // After `skip` further ones, the operations of this kind fail with SQLite's `code`: one of them,
  // or all until Heal. kShortWrite writes half of the bytes first.
  void Fail(Operation operation, int code, int skip = 0, bool forever = true);
  void Heal();
  // Whether an operation has failed since the last Fail.
  bool HasFailed() const;

  // From now on syncs wait, as on a disk that does not answer, until Release.
  void HoldSyncs();
  void Release();
  int syncs() const;
  int held_syncs() const;

  // Writes into `directory` what the files would hold after a power cut now: of every sector either
  // what it held at its file's last sync or what was written since, as `random` has it.
  void WritePowerCutImage(const std::string& directory, std::mt19937_64& random);

 private:
  struct File;
  struct Methods;
  struct Change {
    size_t offset = 0;
    std::string bytes;
    bool truncates = false;  // to `offset`
  };
  struct FileBytes {
    std::string synced;
    std::vector<Change> since;
  };

  int Before(Operation operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int Write(File& file, const void* data, int size, sqlite3_int64 offset);
  int Sync(File& file, int flags);

  const std::string name_;
  sqlite3_vfs* const system_;
  sqlite3_vfs vfs_ = {};

  mutable Mutex mutex_;  // held during operations, so that an image is of one instant
  CondVar released_;
  Operation failing_ ABSL_GUARDED_BY(mutex_) = Operation::kWrite;
  int code_ ABSL_GUARDED_BY(mutex_) = SQLITE_OK;  // SQLITE_OK: nothing fails
  int skip_ ABSL_GUARDED_BY(mutex_) = 0;
  bool forever_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;
  int syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  int held_syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, FileBytes> files_ ABSL_GUARDED_BY(mutex_);  // by path
};

}  // namespace moa
