#include "client/moactl/styled_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

absl::string_view Escape(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kBold:
      return "\x1b[1m";
    case Style::kDim:
      return "\x1b[2m";
    case Style::kGreen:
      return "\x1b[32m";
    case Style::kYellow:
      return "\x1b[33m";
    case Style::kRed:
      return "\x1b[31m";
  }
  return "";
}

bool IsBlank(absl::string_view text) { return absl::StripLeadingAsciiWhitespace(text).empty(); }

}  // namespace

std::string Render(const StyledLine& line, size_t width, bool color) {
  std::string out;
  for (const Span& span : line) {
    const std::string text = FitWidth(span.text, width);
    width -= DisplayWidth(text);
    if (!color || span.style == Style::kPlain) {
      out += text;
    } else {
      absl::StrAppend(&out, Escape(span.style), text, "\x1b[0m");
    }
  }
  return std::string(absl::StripTrailingAsciiWhitespace(out));
}

std::vector<StyledLine> TextTable::Lines(absl::string_view indent) const {
  std::vector<size_t> widths;
  for (const StyledLine& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
    }
  }
  std::vector<StyledLine> lines;
  lines.reserve(rows_.size());
  for (const StyledLine& row : rows_) {
    StyledLine line = {{std::string(indent)}};
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - DisplayWidth(row[i].text), ' ');
      const bool right = std::find(right_.begin(), right_.end(), i) != right_.end();
      const std::string gap = i + 1 < row.size() ? "  " : "";
      line.push_back({right ? absl::StrCat(padding, row[i].text, gap)
                            : absl::StrCat(row[i].text, padding, gap),
                      row[i].style});
    }
    // Blanks at the end would be cut with a mark where the line is too long.
    while (line.size() > 1 && IsBlank(line.back().text)) line.pop_back();
    line.back().text = std::string(absl::StripTrailingAsciiWhitespace(line.back().text));
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace moa
