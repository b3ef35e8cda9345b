#include "common/document/file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

absl::Status FileError(const std::string& path, int error) {
  std::string message = absl::StrCat(path, ": cannot be read: ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EACCES) return absl::PermissionDeniedError(message);
  return absl::FailedPreconditionError(message);
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t size_max_bytes) {
  const std::unique_ptr<std::FILE, CloseFile> file(path == "-" ? stdin
                                                               : std::fopen(path.c_str(), "rb"));
  if (file == nullptr) return FileError(path, errno);
  std::string content;
  char buffer[64 << 10];
  while (const size_t n = std::fread(buffer, 1, sizeof(buffer), file.get())) {
    content.append(buffer, n);
    if (content.size() > size_max_bytes) {
      return absl::OutOfRangeError(
          absl::StrCat(path, ": has more than ", size_max_bytes, " bytes, which is the limit"));
    }
  }
  if (std::ferror(file.get()) != 0) return FileError(path, errno);
  return content;
}

}  // namespace moa
