#include "worker/upstream/lenient_json.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "common/base/text.h"

namespace moa::upstream {
namespace {

// U+FDD0 + n is EF B7 90+n in UTF-8, for n up to 31.
constexpr char kLead0 = '\xEF';
constexpr char kLead1 = '\xB7';

void AppendMark(uint8_t n, std::string* out) {
  out->push_back(kLead0);
  out->push_back(kLead1);
  out->push_back(static_cast<char>(0x90 + n));
}

// The number of the mark at `text`, -1 when there is none.
int MarkAt(absl::string_view text) {
  if (text.size() < 3 || text[0] != kLead0 || text[1] != kLead1) return -1;
  const int n = static_cast<uint8_t>(text[2]) - 0x90;
  return n >= 0 && n < 32 ? n : -1;
}

size_t ValidSequence(absl::string_view text) {
  for (size_t size = 1; size <= 4 && size <= text.size(); ++size) {
    if (IsValidUtf8(text.substr(0, size))) return size;
  }
  return 0;
}

// The code unit of a \uXXXX escape at `text`, -1 when there is none.
int EscapeAt(absl::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
  int value = 0;
  for (size_t i = 2; i < 6; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (!absl::ascii_isxdigit(c)) return -1;
    value = value * 16 + (absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10);
  }
  return value;
}

// Copies the escape at `json` to `out`, a lone surrogate replaced; returns how long it was.
size_t CopyEscape(absl::string_view json, std::string* out) {
  const int unit = EscapeAt(json);
  if (unit < 0xD800 || unit > 0xDFFF) {
    const size_t size = json.size() < 2 ? 1 : 2;
    out->append(json.data(), size);
    return size;
  }
  const int next = unit <= 0xDBFF ? EscapeAt(json.substr(6)) : -1;
  if (next >= 0xDC00 && next <= 0xDFFF) {
    out->append(json.data(), 12);
    return 12;
  }
  out->append("\\ufffd");
  return 6;
}

}  // namespace

std::string MakeParsable(absl::string_view json) {
  std::string out;
  out.reserve(json.size() + json.size() / 8);
  while (!json.empty()) {
    size_t size = 1;
    if (json[0] == '\\') {
      size = CopyEscape(json, &out);
    } else if (const size_t valid = ValidSequence(json); valid > 0) {
      size = valid;
      out.append(json.data(), size);
    } else {
      const auto byte = static_cast<uint8_t>(json[0]);
      AppendMark(byte >> 4, &out);
      AppendMark(16 + (byte & 15), &out);
    }
    json.remove_prefix(size);
  }
  return out;
}

std::string RestoreBytes(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const int high = MarkAt(text);
    const int low = high >= 0 && high < 16 ? MarkAt(text.substr(3)) : -1;
    if (low >= 16) {
      out.push_back(static_cast<char>(high << 4 | (low - 16)));
      text.remove_prefix(6);
    } else {
      out.push_back(text[0]);
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace moa::upstream
