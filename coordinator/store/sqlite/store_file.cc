#include "coordinator/store/sqlite/store_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/sqlite/schema.h"

namespace moa {
namespace {

absl::Status PathError(const std::string& path, const std::string& what, int error) {
  const std::string message = absl::StrCat("store ", path, ": ", what, ": ", strerror(error));
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(
          absl::StrCat(message, "; create the directory or choose another path"));
    default:
      return absl::UnavailableError(message);
  }
}

bool RealPath(const std::string& path, std::string& real) {
  char buffer[PATH_MAX];
  if (realpath(path.c_str(), buffer) == nullptr) return false;
  real = buffer;
  return true;
}

// At 68: big-endian, https://www.sqlite.org/fileformat2.html section 1.3.
uint32_t ApplicationIdOf(const unsigned char* header) {
  return (uint32_t{header[68]} << 24) | (uint32_t{header[69]} << 16) | (uint32_t{header[70]} << 8) |
         header[71];
}

}  // namespace

absl::StatusOr<std::string> ResolveStorePath(const std::string& path) {
  if (path.empty()) {
    return absl::InvalidArgumentError("the store's path is empty; give sqlite:PATH");
  }
  if (path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("the store's path contains a NUL byte");
  }
  struct stat info {};
  std::string real;
  if (stat(path.c_str(), &info) == 0) {
    if (!S_ISREG(info.st_mode)) {
      return absl::FailedPreconditionError(
          absl::StrCat("store ", path, ": this is ",
                       S_ISDIR(info.st_mode) ? "a directory; name a file in it"
                                             : "not a regular file; choose another path"));
    }
    if (!RealPath(path, real)) return PathError(path, "cannot resolve the path", errno);
    return real;
  }
  if (errno != ENOENT) return PathError(path, "cannot look at the file", errno);
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (!RealPath(directory, real)) {
    return PathError(path, absl::StrCat("cannot use its directory ", directory), errno);
  }
  if (name.empty()) return PathError(path, "names no file", ENOENT);
  if (access(real.c_str(), W_OK) != 0) {
    return PathError(path, absl::StrCat("cannot create a file in ", real), errno);
  }
  return absl::StrCat(real == "/" ? "" : real, "/", name);
}

absl::Status CheckStoreHeader(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return errno == ENOENT ? absl::OkStatus() : PathError(path, "cannot read the file", errno);
  }
  unsigned char header[100] = {};
  const ssize_t size = pread(fd, header, sizeof header, 0);
  const int error = errno;
  close(fd);
  if (size < 0) return PathError(path, "cannot read the file", error);
  if (size == 0) {
    struct stat log {};
    if (stat(absl::StrCat(path, "-wal").c_str(), &log) != 0 || log.st_size == 0) {
      return absl::OkStatus();
    }
    return absl::DataLossError(
        absl::StrCat("store ", path, ": the file is empty but its log ", path,
                     "-wal is not: the file was truncated; nothing was changed: restore it from a "
                     "backup, or remove both to begin with an empty store"));
  }
  if (size < static_cast<ssize_t>(sizeof header) || memcmp(header, "SQLite format 3", 16) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", path,
                     ": the file is not a database, or its beginning is damaged; nothing was "
                     "changed: choose another path, or restore the file from a backup"));
  }
  // Zero is a file whose schema is still in the log, or in nothing yet: PrepareSchema decides.
  const uint32_t application = ApplicationIdOf(header);
  if (application != 0 && application != uint32_t{kStoreApplicationId}) {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", path, ": the file is another application's database (id ",
                     application, "); nothing was changed: choose another path for the store"));
  }
  return absl::OkStatus();
}

}  // namespace moa
