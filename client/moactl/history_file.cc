#include "client/moactl/history_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/document/file.h"

namespace moa {
namespace {

constexpr size_t kHistoryBytesMax = 1 << 30;

absl::Status Failed(const std::string& path, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(path, ": ", what, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<HistoryFile> HistoryFile::Open(const std::string& path, bool must_exist) {
  const int flags = O_RDWR | O_APPEND | O_CLOEXEC | (must_exist ? 0 : O_CREAT);
  const int fd = open(path.c_str(), flags, 0644);
  if (fd < 0 && errno == ENOENT) {
    return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  }
  if (fd < 0) return Failed(path, "cannot be opened for writing");
  HistoryFile file(path, fd);
  struct stat facts = {};
  if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": is no file of lines"));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": another moactl is writing this history"));
  }
  MOA_ASSIGN_OR_RETURN(file.text_, ReadFile(path, kHistoryBytesMax));
  file.size_ = file.text_.size();
  return file;
}

HistoryFile::HistoryFile(HistoryFile&& other) noexcept
    : path_(std::move(other.path_)),
      text_(std::move(other.text_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      broken_(std::move(other.broken_)) {}

HistoryFile::~HistoryFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status HistoryFile::Keep(size_t bytes) {
  size_ = bytes;
  if (bytes == text_.size()) return absl::OkStatus();
  if (ftruncate(fd_, static_cast<off_t>(bytes)) != 0) return Failed(path_, "cannot be shortened");
  return absl::OkStatus();
}

absl::Status HistoryFile::Append(const std::vector<std::string>& lines) {
  if (lines.empty() || !broken_.ok()) return broken_;
  std::string text;
  for (const std::string& line : lines) absl::StrAppend(&text, line, "\n");
  for (size_t written = 0; written < text.size();) {
    const ssize_t count = write(fd_, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      broken_ = Failed(path_, "cannot be written");
      // Where this fails too, the line stays torn, which a replay tolerates.
      [[maybe_unused]] const int cut = ftruncate(fd_, static_cast<off_t>(size_));
      return broken_;
    }
    written += static_cast<size_t>(count);
  }
  if (fdatasync(fd_) != 0) broken_ = Failed(path_, "cannot be written to the disk");
  size_ += text.size();
  return broken_;
}

}  // namespace moa
