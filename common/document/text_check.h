#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/document/document.h"

namespace moa {

// Removes a UTF-8 byte order mark and checks what both readers demand of a file: its size,
// well-formed UTF-8, no control characters but tab and line ends (yaml-cpp takes a byte 4 for the
// end of the file, RapidJSON a NUL, and would drop what follows without a word). Adds the first
// problem and returns false.
bool CheckText(absl::string_view& text, absl::string_view file, const DocumentLimits& limits,
               Problems& problems);

struct Position {
  int line = 1;
  int column = 1;
};

// Of the byte at `offset`; linear in it.
Position PositionAt(absl::string_view text, size_t offset);

}  // namespace moa
