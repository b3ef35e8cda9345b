#include "common/base/display_text.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/text.h"

namespace moa {
namespace {

// A peer may send any number; this one is a hundred years.
constexpr absl::Duration kLongestShown = absl::Hours(24 * 365 * 100);

struct CodePoint {
  uint32_t value = 0;
  size_t size = 1;
};

// REQUIRES: `text` is not empty and well-formed.
CodePoint FirstCodePoint(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  uint32_t value = lead & (0x7Fu >> size);
  for (size_t i = 1; i < size; ++i) value = value << 6 | (byte(i) & 0x3Fu);
  return {value, size};
}

bool IsBidiControl(uint32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E || c == 0x200F;
}

size_t ColumnsOf(uint32_t c) {
  const auto in = [c](uint32_t low, uint32_t high) { return c >= low && c <= high; };
  if (in(0x300, 0x36F) || in(0x200B, 0x200D) || in(0xFE00, 0xFE0F) || in(0x20D0, 0x20FF)) return 0;
  const bool wide = in(0x1100, 0x115F) || in(0x2E80, 0xA4CF) || in(0xAC00, 0xD7A3) ||
                    in(0xF900, 0xFAFF) || in(0xFE30, 0xFE6F) || in(0xFF00, 0xFF60) ||
                    in(0xFFE0, 0xFFE6) || in(0x1F300, 0x1F64F) || in(0x1F900, 0x1F9FF) ||
                    in(0x20000, 0x3FFFD);
  return wide ? 2 : 1;
}

}  // namespace

std::string WithoutControls(absl::string_view text) {
  const std::string repaired = RepairUtf8(text);
  std::string out;
  out.reserve(repaired.size());
  absl::string_view rest = repaired;
  while (!rest.empty()) {
    const CodePoint c = FirstCodePoint(rest);
    const bool control = (c.value < 0x20 && c.value != '\n' && c.value != '\t') ||
                         (c.value >= 0x7F && c.value <= 0x9F) || IsBidiControl(c.value);
    if (!control) out.append(rest.data(), c.size);
    rest.remove_prefix(c.size);
  }
  return out;
}

std::string OneLine(absl::string_view text) {
  std::string out = WithoutControls(text);
  for (char& c : out) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return out;
}

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const CodePoint c = FirstCodePoint(text);
    width += ColumnsOf(c.value);
    text.remove_prefix(c.size);
  }
  return width;
}

std::string FitWidth(absl::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  size_t columns = 0;
  size_t end = 0;
  while (true) {
    const CodePoint c = FirstCodePoint(text.substr(end));
    columns += ColumnsOf(c.value);
    if (columns > width - 1) break;
    end += c.size;
  }
  return absl::StrCat(text.substr(0, end), "…");
}

std::string WithThousands(uint64_t number) {
  std::string out = absl::StrCat(number);
  for (size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, ",");
  return out;
}

std::string ShortDuration(absl::Duration duration) {
  const double ms =
      absl::ToDoubleMilliseconds(std::clamp(duration, absl::ZeroDuration(), kLongestShown));
  // Each limit lies where its form would round up to the next one's.
  if (ms < 9.95) return absl::StrFormat("%.1f ms", ms);
  if (ms < 999.5) return absl::StrFormat("%.0f ms", ms);
  if (ms < 59'995) return absl::StrFormat("%.2f s", ms / 1000);
  const auto seconds = static_cast<uint64_t>(std::llround(ms / 1000));
  return absl::StrFormat("%dm%02ds", seconds / 60, seconds % 60);
}

}  // namespace moa
