#include "coordinator/store/sqlite/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace moa {
namespace {

std::string ReadSmall(int fd) {
  char buffer[256];
  const ssize_t size = pread(fd, buffer, sizeof buffer, 0);
  return size <= 0 ? "" : std::string(buffer, static_cast<size_t>(size));
}

std::string ProcessName(int64_t pid) {
  const int fd = open(absl::StrCat("/proc/", pid, "/comm").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  std::string name = ReadSmall(fd);
  close(fd);
  absl::StripAsciiWhitespace(&name);
  return name;
}

absl::Status HeldError(const std::string& store_path, const std::string& lock_path, int fd) {
  std::string holder = "another process";
  int64_t pid = 0;
  const std::string content = ReadSmall(fd);
  if (absl::SimpleAtoi(absl::StripAsciiWhitespace(content), &pid)) {
    const std::string name = ProcessName(pid);
    holder = pid == getpid() ? absl::StrCat("this process itself (pid ", pid, ")")
             : name.empty()  ? absl::StrCat("process ", pid)
                             : absl::StrCat("process ", pid, " (", name, ")");
  }
  return absl::FailedPreconditionError(absl::StrCat("store ", store_path, " is in use by ", holder,
                                                    ", which holds the lock ", lock_path,
                                                    "; stop it or choose another path"));
}

absl::Status SystemError(const std::string& store_path, const std::string& lock_path,
                         const char* doing, int error) {
  const std::string message =
      absl::StrCat("store ", store_path, ": cannot ", doing, " ", lock_path, ": ", strerror(error));
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(
          absl::StrCat(message, "; the store needs a directory that it may write to"));
    default:
      return absl::UnavailableError(message);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Acquire(const std::string& store_path) {
  const std::string lock_path = absl::StrCat(store_path, ".lock");
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError(store_path, lock_path, "create the lock file", errno);
  auto lock = std::unique_ptr<FileLock>(new FileLock(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return HeldError(store_path, lock_path, fd);
    return SystemError(store_path, lock_path, "lock", errno);
  }
  // Only for people: on a full disk the lock holds without it.
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) == 0) {
    [[maybe_unused]] const ssize_t written = pwrite(fd, pid.data(), pid.size(), 0);
  }
  return lock;
}

FileLock::~FileLock() { close(fd_); }

}  // namespace moa
