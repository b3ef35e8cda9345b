#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace moa {

enum class Style { kPlain, kBold, kDim, kGreen, kYellow, kRed };

struct Span {
  std::string text;  // one line, without control characters
  Style style = Style::kPlain;
};

// One line of output, before it is known whether the terminal takes colours. A value type.
using StyledLine = std::vector<Span>;

// The line's text cut to `width` columns, with colours as escape sequences if asked for.
std::string Render(const StyledLine& line, size_t width, bool color);

// Rows of cells, laid out in columns that are as wide as their widest cell, two blanks between
// them.
class TextTable {
 public:
  // `right` names the columns (by index) that are aligned to the right: numbers.
  explicit TextTable(std::vector<size_t> right = {}) : right_(std::move(right)) {}

  void Add(StyledLine cells) { rows_.push_back(std::move(cells)); }
  // Every line begins with `indent`.
  std::vector<StyledLine> Lines(absl::string_view indent = "") const;

 private:
  const std::vector<size_t> right_;
  std::vector<StyledLine> rows_;
};

}  // namespace moa
