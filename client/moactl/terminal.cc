#include "client/moactl/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

bool IsSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

void Write(std::FILE* file, absl::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

void WriteLines(std::FILE* file, const Terminal& terminal, const std::vector<StyledLine>& lines) {
  // What stays on the screen is wrapped by the terminal rather than cut: it can be scrolled and
  // copied.
  constexpr size_t width = std::numeric_limits<size_t>::max();
  std::string text;
  for (const StyledLine& line : lines) {
    absl::StrAppend(&text, Render(line, width, terminal.color), "\n");
  }
  Write(file, text);
}

// JSON leaves C1 controls (U+0080 to U+009F) as they are, and some terminals act on them.
std::string WithC1Escaped(absl::string_view json) {
  std::string out;
  for (size_t i = 0; i < json.size(); ++i) {
    const bool c1 =
        json[i] == '\xC2' && i + 1 < json.size() && static_cast<unsigned char>(json[i + 1]) <= 0x9F;
    if (c1) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(json[++i]));
    } else {
      out += json[i];
    }
  }
  return out;
}

}  // namespace

Terminal DescribeTerminal(int fd) {
  Terminal terminal;
  terminal.is_terminal = isatty(fd) == 1;
  if (!terminal.is_terminal) return terminal;
  const char* term = std::getenv("TERM");
  terminal.redraws = term != nullptr && *term != '\0' && absl::string_view(term) != "dumb";
  terminal.color = terminal.redraws && !IsSet("NO_COLOR");
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    terminal.width = size.ws_col;
    terminal.height = size.ws_row;
  }
  return terminal;
}

Console::Console() : out_(DescribeTerminal(STDOUT_FILENO)), err_(DescribeTerminal(STDERR_FILENO)) {}

void Console::Answer(absl::string_view text) {
  std::string shown = out_.is_terminal ? WithoutControls(text) : std::string(text);
  if (!absl::EndsWith(shown, "\n")) shown += '\n';
  Write(stdout, shown);
}

void Console::Json(absl::string_view json) {
  Write(stdout, absl::StrCat(out_.is_terminal ? WithC1Escaped(json) : std::string(json), "\n"));
}

void Console::Out(const std::vector<StyledLine>& lines) { WriteLines(stdout, out_, lines); }

void Console::Err(const std::vector<StyledLine>& lines) { WriteLines(stderr, err_, lines); }

void Console::Problems(absl::string_view lines) {
  Write(stderr, absl::StrCat(absl::StripSuffix(WithoutControls(lines), "\n"), "\n"));
}

void Console::Complain(absl::string_view message) {
  Write(stderr, absl::StrCat("moactl: ", WithoutControls(message), "\n"));
}

void LiveArea::Draw(const std::vector<StyledLine>& lines, const Terminal& terminal) {
  // A line as wide as the terminal leaves some of them on its last column, others on the next row.
  const size_t width = std::max<size_t>(terminal.width, 2) - 1;
  std::string text;
  // A terminal made narrower since has wrapped what was drawn.
  size_t rows = 0;
  for (const size_t drawn : widths_) rows += std::max<size_t>(1, (drawn + width) / (width + 1));
  if (rows > 0) absl::StrAppend(&text, "\r\x1b[", rows, "A");
  widths_.clear();
  for (const StyledLine& line : lines) {
    absl::StrAppend(&text, "\x1b[2K", Render(line, width, terminal.color), "\n");
    widths_.push_back(DisplayWidth(Render(line, width, false)));
  }
  text += "\x1b[J";
  Write(stderr, text);
}

}  // namespace moa
