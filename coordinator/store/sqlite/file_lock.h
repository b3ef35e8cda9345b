#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace moa {

// The right to be the only process that uses a store: an advisory lock (flock) on `PATH.lock`,
// which names its holder's process for people. The kernel releases it when the process ends in
// whichever way, so a killed coordinator never leaves a store locked. The file itself stays:
// removing it would let two processes hold locks on two files of one name.
//
// Owner: the store. Thread-safe: nothing changes after construction.
class FileLock {
 public:
  // Takes the lock for `store_path` without waiting.
  //   FAILED_PRECONDITION  somebody holds it: the message names the store, the process and what to
  //   do PERMISSION_DENIED    the lock file cannot be made: no permission, or a read-only file
  //   system UNAVAILABLE          the disk is full or does not answer
  static absl::StatusOr<std::unique_ptr<FileLock>> Acquire(const std::string& store_path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace moa
