#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace moa {

// One mistake in a file, for the person who wrote the file.
struct Problem {
  std::string file;
  int line = 0;      // 1-based; 0 where no line is known
  int column = 0;    // 1-based, in bytes
  std::string path;  // "moa.layers[0].agents[2].temperature"; empty for the file as a whole
  std::string message;

  // "job.yaml:7: moa.layers[0].cycles: must be a whole number", or with the column and no path
  // where the file could not be read as YAML or JSON: "job.yaml:7:3: the text in double quotes is
  // not closed".
  std::string ToString() const;
};

// All mistakes found in a file, in the order in which they were found or, once sorted,
// of their lines. Readers go on after a
// mistake where they can, so that a person mends a file once and not once per mistake. Bounded: the
// first kShownMax are kept, the rest are counted.
//
// Externally synchronised.
class Problems {
 public:
  static constexpr size_t kShownMax = 50;

  void Add(Problem problem);
  // Puts those kept in the order of their lines, as a person goes through the file.
  void SortByLine();

  bool empty() const { return total_ == 0; }
  // The first kShownMax.
  const std::vector<Problem>& shown() const { return shown_; }
  size_t total() const { return total_; }

  // One problem a line; a last line counts those not shown. Without a line end at the end.
  std::string ToString() const;
  // OK when there is none, else InvalidArgument with ToString() as its message.
  absl::Status ToStatus() const;

 private:
  std::vector<Problem> shown_;
  size_t total_ = 0;
};

}  // namespace moa
