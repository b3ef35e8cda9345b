#include "common/document/problems.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace moa {

std::string Problem::ToString() const {
  std::string out = file;
  if (line > 0) {
    absl::StrAppend(&out, out.empty() ? "line " : ":", line);
    // A path finds the place better than a column does.
    if (path.empty() && column > 0) absl::StrAppend(&out, ":", column);
  }
  if (!out.empty()) out += ": ";
  if (!path.empty()) absl::StrAppend(&out, path, ": ");
  return out + message;
}

void Problems::Add(Problem problem) {
  ++total_;
  if (shown_.size() < kShownMax) shown_.push_back(std::move(problem));
}

void Problems::SortByLine() {
  std::stable_sort(shown_.begin(), shown_.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
}

std::string Problems::ToString() const {
  std::string out;
  for (const Problem& problem : shown_) {
    if (!out.empty()) out += '\n';
    out += problem.ToString();
  }
  if (total_ > shown_.size()) {
    absl::StrAppend(&out, "\n… and ", total_ - shown_.size(), " more");
  }
  return out;
}

absl::Status Problems::ToStatus() const {
  return empty() ? absl::OkStatus() : absl::InvalidArgumentError(ToString());
}

}  // namespace moa
