#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace moa {

// A file of lines that grows and survives the death of the process at any moment: a line is whole on the disk once Append
// has returned. One process at a time has it.
//
// Movable; externally synchronised. Errors name the path.
class HistoryFile {
 public:
  // Opens the file, or makes it (unless it `must_exist`: NOT_FOUND). FAILED_PRECONDITION: another process has it, or it
  // cannot be read or written; OUT_OF_RANGE: it is larger than a history can be.
  static absl::StatusOr<HistoryFile> Open(const std::string& path, bool must_exist);
  HistoryFile(HistoryFile&& other) noexcept;
  HistoryFile& operator=(HistoryFile&&) = delete;
  ~HistoryFile();

  const std::string& path() const { return path_; }
  // What it held when it was opened.
  const std::string& text() const { return text_; }

  // Cuts off what follows the first `bytes`: a line that was torn.
  absl::Status Keep(size_t bytes);
  // Writes the lines, each with its end, and waits for the disk. After an error nothing more is written: what would follow
  // a line that is missing is worth nothing.
  absl::Status Append(const std::vector<std::string>& lines);

 private:
  HistoryFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  std::string text_;
  int fd_;
  size_t size_ = 0;  // whole lines
  absl::Status broken_;
};

}  // namespace moa
