#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace moa {

// Text from models and peers on its way to a terminal. Pure functions.

// The text without what a terminal would act on: control characters but line end and tab (C0, DEL,
// C1, so that no escape sequence survives), and the Unicode controls that reverse the direction of
// text. Ill-formed UTF-8 becomes U+FFFD.
std::string WithoutControls(absl::string_view text);

// WithoutControls, with line ends and tabs as blanks: for table cells.
std::string OneLine(absl::string_view text);

// Columns that `text` takes: 2 for East Asian wide characters and emoji, 0 for combining marks.
// REQUIRES: one line of well-formed UTF-8.
size_t DisplayWidth(absl::string_view text);

// The text cut to `width` columns, with "…" at the end where something was cut off.
std::string FitWidth(absl::string_view text, size_t width);

// "1,234,567".
std::string WithThousands(uint64_t number);

// "3.4 ms", "123 ms", "1.23 s", "2m03s". What is negative counts as none.
std::string ShortDuration(absl::Duration duration);

}  // namespace moa
