#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/moactl/styled_text.h"

namespace moa {

// What stands behind a file descriptor. A value type.
struct Terminal {
  bool is_terminal = false;
  bool redraws = false;  // understands cursor movement
  bool color = false;    // … and colours, and NO_COLOR is not set
  size_t width = 80;
  size_t height = 24;
};
Terminal DescribeTerminal(int fd);

// Where a command writes: answers and data on standard output, everything about how it went on
// standard error. What a model or a peer said loses its control characters on the way to a
// terminal; a pipe or a file gets the bytes as they are. Externally synchronised.
class Console {
 public:
  Console();

  // A text of a model, with a line end at its end.
  void Answer(absl::string_view text);
  // A line of JSON.
  void Json(absl::string_view json);
  void Out(const std::vector<StyledLine>& lines);
  void Err(const std::vector<StyledLine>& lines);
  // Lines on standard error that begin with what they are about ("job.yaml:7: …"), so that editors
  // find it.
  void Problems(absl::string_view lines);
  // "moactl: …" on standard error.
  void Complain(absl::string_view message);

  const Terminal& out() const { return out_; }
  const Terminal& err() const { return err_; }

 private:
  const Terminal out_;
  const Terminal err_;
};

// Lines on standard error that are drawn again in place. It hides nothing and changes no mode of
// the terminal, so that there is nothing to restore when the process is killed. Externally
// synchronised.
class LiveArea {
 public:
  // Replaces what was drawn before. REQUIRES: fewer lines than the terminal is high.
  void Draw(const std::vector<StyledLine>& lines, const Terminal& terminal);

 private:
  std::vector<size_t> widths_;  // of the lines drawn, in columns
};

}  // namespace moa
