#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace moa::bench {

// What a figure is to be. Judged by the median of the repetitions, or, with `every_run`, by the
// worst of them: for what must never happen.
struct Target {
  double bound = 0;
  bool at_most = true;  // false: at least
  bool every_run = false;
};

inline Target AtMost(double bound) { return {bound, true, false}; }
inline Target AtLeast(double bound) { return {bound, false, false}; }
inline Target Never() { return {0, true, true}; }

// The figures of one benchmark: for each variant and name the values of its repetitions, shown as
// the median with the least and the greatest beside its target, and as JSON. A value type.
class Report {
 public:
  // `conditions` says in a line what was run and how.
  Report(std::string bench, std::string conditions)
      : bench_(std::move(bench)), conditions_(std::move(conditions)) {}

  // The value of one repetition. The first call for a name decides its target.
  void Add(absl::string_view variant, absl::string_view figure, double value,
           std::optional<Target> target = std::nullopt);
  // A figure that cannot be measured, and why.
  void Missing(absl::string_view variant, absl::string_view figure, absl::string_view why);

  std::string Text() const;
  // {"bench","conditions","figures":[{"variant","figure","runs":[…],"median","min","max",
  //  "target":{"at_most"|"at_least"},"met"}],"missing":[{"variant","figure","why"}]}
  std::string Json() const;

 private:
  struct Figure {
    std::string variant;
    std::string name;
    std::vector<double> runs;
    std::optional<Target> target;
  };
  struct Gap {
    std::string variant;
    std::string figure;
    std::string why;
  };

  static bool Met(const Figure& figure);

  std::string bench_;
  std::string conditions_;
  std::vector<Figure> figures_;  // in the order in which they came
  std::vector<Gap> missing_;
};

// The value below which the share `q` of `values` lies; 0 of none.
double Quantile(std::vector<double> values, double q);

}  // namespace moa::bench
