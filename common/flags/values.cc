#include "common/flags/values.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"

namespace moa {
namespace {

constexpr size_t kSecretBytesMax = 64 << 10;

// What was read, as people can see it: short, and never broken UTF-8 or control characters.
std::string Quoted(absl::string_view text) {
  std::string shown = RepairUtf8(Utf8Prefix(text, 80));
  for (char& c : shown) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return absl::StrCat("\"", shown, "\"");
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDurationValue(absl::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        Quoted(text), " is not a duration: write a number with a unit, as 30s, 500ms or 1m30s"));
  }
  if (duration < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(Quoted(text), " is negative"));
  }
  return duration;
}

absl::StatusOr<int64_t> ParseIntValue(absl::string_view text, int64_t min, int64_t max) {
  int64_t number = 0;
  // SimpleAtoi takes blanks around the number, which a flag does not.
  const bool clean = !text.empty() &&
                     !absl::ascii_isspace(static_cast<unsigned char>(text.front())) &&
                     !absl::ascii_isspace(static_cast<unsigned char>(text.back()));
  if (!clean || !absl::SimpleAtoi(text, &number)) {
    return absl::InvalidArgumentError(absl::StrCat(Quoted(text), " is not a whole number"));
  }
  if (number < min || number > max) {
    return absl::InvalidArgumentError(
        max == INT64_MAX ? absl::StrCat(number, " is too small: at least ", min)
                         : absl::StrCat(number, " is out of range: ", min, " to ", max));
  }
  return number;
}

absl::StatusOr<double> ParseDoubleValue(absl::string_view text, double min, double max) {
  double number = 0;
  if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) {
    return absl::InvalidArgumentError(absl::StrCat(Quoted(text), " is not a number"));
  }
  if (number < min || number > max) {
    return absl::InvalidArgumentError(absl::StrCat(number, " is out of range: ", min, " to ", max));
  }
  return number;
}

absl::StatusOr<bool> ParseBoolValue(absl::string_view text) {
  bool value = false;
  const std::string lower = absl::AsciiStrToLower(text);
  if (lower == "on") return true;
  if (lower == "off") return false;
  if (absl::SimpleAtob(lower, &value)) return value;
  return absl::InvalidArgumentError(absl::StrCat(Quoted(text), " is neither true nor false"));
}

std::vector<std::string> ParseListValue(absl::string_view text) {
  std::vector<std::string> items;
  for (const absl::string_view item : absl::StrSplit(text, ',')) {
    const absl::string_view stripped = absl::StripAsciiWhitespace(item);
    if (!stripped.empty()) items.emplace_back(stripped);
  }
  return items;
}

std::string EnvironmentName(absl::string_view prefix, absl::string_view flag) {
  std::string name = absl::StrCat(prefix, absl::AsciiStrToUpper(flag));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    return absl::ErrnoToStatus(error, absl::StrCat("cannot open ", path));
  }
  std::string content(kSecretBytesMax + 1, '\0');
  size_t size = 0;
  ssize_t n = 0;
  while (size < content.size() &&
         (n = read(fd, content.data() + size, content.size() - size)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    size += static_cast<size_t>(n);
  }
  const int error = errno;
  close(fd);
  if (n < 0) return absl::ErrnoToStatus(error, absl::StrCat("cannot read ", path));
  if (size > kSecretBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is larger than 64 KiB"));
  }
  content.resize(size);
  while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) content.pop_back();
  return content;
}

}  // namespace moa
