#include "worker/upstream/api_key.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/hash/sha256.h"
#include "worker/upstream/provider.h"

namespace moa::upstream {
namespace {

constexpr size_t kKeyBytesMax = 4096;

absl::StatusOr<std::string> CheckKey(absl::string_view text, absl::string_view where) {
  const absl::string_view key = absl::StripAsciiWhitespace(text);
  if (key.empty()) return absl::InvalidArgumentError(absl::StrCat(where, " holds no API key"));
  if (key.size() > kKeyBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, " holds more than an API key: over ", kKeyBytesMax, " bytes"));
  }
  for (const char c : key) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(absl::StrCat(
          where, " does not hold an API key: it has spaces, control or non-ASCII characters"));
    }
  }
  return std::string(key);
}

}  // namespace

ApiKey ApiKey::FromString(std::string key) {
  ApiKey result;
  result.value_ = std::move(key);
  return result;
}

ApiKey ApiKey::FromFile(std::string path) {
  ApiKey result;
  result.path_ = std::move(path);
  return result;
}

absl::StatusOr<std::string> ApiKey::Read() const {
  if (path_.empty()) {
    if (value_.empty()) return std::string();
    return CheckKey(value_, "CEREBRAS_API_KEY");
  }
  const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read the API key file ", path_));
  }
  const absl::Cleanup closer = [fd] { close(fd); };
  std::string text(kKeyBytesMax + 256, '\0');  // room for white space around the key
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot read the API key file ", path_));
    }
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  text.resize(size);
  return CheckKey(text, absl::StrCat("the API key file ", path_));
}

std::string KeyFingerprint(absl::string_view base_url, absl::string_view key) {
  if (key.empty()) return "";
  return Sha256Hex(absl::StrCat("moa-key:", OriginOf(base_url), key)).substr(0, 16);
}

}  // namespace moa::upstream
