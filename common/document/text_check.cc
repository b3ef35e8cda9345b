#include "common/document/text_check.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/text.h"

namespace moa {
namespace {

bool Refuse(absl::string_view text, size_t offset, absl::string_view file, std::string message,
            Problems& problems) {
  const Position at = PositionAt(text, offset);
  problems.Add({std::string(file), at.line, at.column, "", std::move(message)});
  return false;
}

// Where the first ill-formed part begins (or up to two bytes later, where its first bytes happen to
// be those of U+FFFD), or npos.
size_t FirstIllFormed(absl::string_view text) {
  if (IsValidUtf8(text)) return absl::string_view::npos;
  const std::string repaired = RepairUtf8(text);
  return static_cast<size_t>(
      std::mismatch(text.begin(), text.end(), repaired.begin(), repaired.end()).first -
      text.begin());
}

}  // namespace

Position PositionAt(absl::string_view text, size_t offset) {
  Position at;
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++at.line;
      at.column = 1;
    } else {
      ++at.column;
    }
  }
  return at;
}

bool CheckText(absl::string_view& text, absl::string_view file, const DocumentLimits& limits,
               Problems& problems) {
  if (text.size() > limits.size_max_bytes) {
    problems.Add({std::string(file), 0, 0, "",
                  absl::StrCat("the file has ", text.size(), " bytes; at most ",
                               limits.size_max_bytes, " are read")});
    return false;
  }
  if (absl::StartsWith(text, "\xFE\xFF") || absl::StartsWith(text, "\xFF\xFE")) {
    return Refuse(text, 0, file, "the file is UTF-16; save it as UTF-8", problems);
  }
  if (absl::StartsWith(text, "\xEF\xBB\xBF")) text.remove_prefix(3);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F) {
      return Refuse(
          text, i, file,
          absl::StrFormat("a control character (byte 0x%02X) is not allowed here; write it "
                          "as an escape in double quotes",
                          byte),
          problems);
    }
  }
  if (const size_t bad = FirstIllFormed(text); bad != absl::string_view::npos) {
    return Refuse(text, bad, file, "the text is not well-formed UTF-8 here", problems);
  }
  return true;
}

}  // namespace moa
