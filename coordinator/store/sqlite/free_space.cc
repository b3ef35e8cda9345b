#include "coordinator/store/sqlite/free_space.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/loop/loop.h"
#include "coordinator/store/sqlite/sqlite_admin.h"

namespace moa {
namespace {

constexpr absl::Duration kLookInterval = absl::Seconds(1);
constexpr uint64_t kMebibyte = 1 << 20;

}  // namespace

FreeSpace::FreeSpace(std::string path, uint64_t bytes_min, Look look)
    : path_(std::move(path)),
      bytes_min_(bytes_min),
      look_(look ? std::move(look) : Look(FreeBytesAt)) {}

absl::Status FreeSpace::Check() const {
  if (bytes_min_ == 0) return absl::OkStatus();
  MutexLock lock(mutex_);
  const absl::Time now = Loop::Now();
  if (now >= looked_ + kLookInterval) {
    looked_ = now;
    const absl::StatusOr<uint64_t> free = look_(path_);
    // A system that does not say is none that is full.
    free_ = free.ok() ? *free : bytes_min_;
  }
  if (free_ >= bytes_min_) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the disk of the store ", path_, " has ", free_ / kMebibyte, " MiB left, and ",
      bytes_min_ / kMebibyte,
      " MiB are kept for the jobs that were accepted (--min-free-disk): free some space"));
}

}  // namespace moa
