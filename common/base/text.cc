#include "common/base/text.h"

#include <cstdint>
#include <utility>

namespace moa {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";

// Length of the well-formed sequence at `s`, or 0; `bad` then gets the length of the maximal
// ill-formed part (at least 1). The ranges are the Unicode Standard's table 3-7.
size_t SequenceAt(absl::string_view s, size_t* bad) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(s[i]); };
  *bad = 1;
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  size_t size = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    size = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    size = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    size = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  for (size_t i = 1; i < size; ++i) {
    if (i >= s.size() || byte(i) < low || byte(i) > high) {
      *bad = i;
      return 0;
    }
    low = 0x80;
    high = 0xBF;
  }
  return size;
}

// Bytes of `s` up to the first ill-formed part.
size_t ValidPrefix(absl::string_view s) {
  size_t i = 0;
  size_t bad = 0;
  while (i < s.size()) {
    const size_t n = SequenceAt(s.substr(i), &bad);
    if (n == 0) break;
    i += n;
  }
  return i;
}

}  // namespace

Text::Text(std::string bytes)
    : bytes_(bytes.empty() ? nullptr : std::make_shared<const std::string>(std::move(bytes))) {}
Text::Text(absl::string_view bytes) : Text(std::string(bytes)) {}
Text::Text(const char* bytes) : Text(std::string(bytes)) {}

std::ostream& operator<<(std::ostream& os, const Text& text) {
  return os.write(text.view().data(), static_cast<std::streamsize>(text.size()));
}

bool IsValidUtf8(absl::string_view bytes) { return ValidPrefix(bytes) == bytes.size(); }

std::string RepairUtf8(absl::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (true) {
    const size_t n = ValidPrefix(bytes);
    out.append(bytes.data(), n);
    bytes.remove_prefix(n);
    if (bytes.empty()) return out;
    size_t bad = 1;
    SequenceAt(bytes, &bad);
    out.append(kReplacement);
    bytes.remove_prefix(bad);
  }
}

absl::string_view Utf8Prefix(absl::string_view bytes, size_t size_max) {
  if (bytes.size() <= size_max) return bytes;
  size_t end = size_max;
  // A continuation byte at the cut means that the code point began at most three bytes before.
  while (end > 0 && size_max - end < 3 && (static_cast<uint8_t>(bytes[end]) & 0xC0) == 0x80) --end;
  return bytes.substr(0, end);
}

}  // namespace moa
