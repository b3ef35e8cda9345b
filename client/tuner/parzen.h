#pragma once

#include <cstddef>
#include <vector>

#include "client/tuner/dimension.h"
#include "client/tuner/random.h"

namespace moa {

// A point that was tried, and how good it is believed to be: higher is better.
struct Observation {
  Point point{};
  double value = 0;
};

// Each field says what it guards against.
struct ParzenOptions {
  // The best share of the observations is "good"; fewer follow noise, more wash out what is special about them.
  double good_share = 0.15;
  size_t good_min = 3;
  // Points drawn, of which the one with the best ratio is taken; many more make the search greedy.
  size_t draws = 32;
  // Weight of the prior against that of one observation: without it what was never tried never would be.
  double prior_weight = 1;
  // A kernel's width as a share of the range, for one observation; it shrinks with their number to `width_min`.
  double width = 0.3;
  double width_min = 0.06;
};

// A tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl, 2011; its parts are compared by Watanabe,
// arXiv 2304.11127): the observations are split into good and bad, the density of each half is estimated dimension by
// dimension, and points are drawn from the good one's where it exceeds the bad one's most. A number's density is a sum
// of normal kernels cut off at the range, a choice's a smoothed count. An observation says nothing about a dimension
// that did not matter in it. Points that are being tried count as bad, so that those of one batch differ.
//
// Borrows nothing after construction. A value type; const methods are thread-safe.
class ParzenEstimator {
 public:
  // `observations` in any order, of equal values the earlier one is better. REQUIRES: there is at least one.
  ParzenEstimator(const std::vector<Dimension>& dimensions,
                  const std::vector<Observation>& observations, const std::vector<Point>& pending,
                  const ParzenOptions& options = {});

  Point Propose(Random& random) const;

  // How much likelier a good observation has this value than a bad one, as a logarithm; dimensions that do not matter
  // count nothing.
  double LogRatio(const Point& point) const;

 private:
  // What one half knows of one dimension.
  struct Density {
    std::vector<double> values{};   // a number's kernels
    double width = 0;               // of each
    std::vector<double> chances{};  // a choice's
  };
  double LogDensity(const Dimension& dimension, const Density& density, double value) const;
  Density Estimate(size_t dimension, const std::vector<const Point*>& points) const;
  double Draw(size_t dimension, Random& random) const;

  const std::vector<Dimension> dimensions_;
  const ParzenOptions options_;
  std::vector<Density> good_;  // by dimension
  std::vector<Density> bad_;
};

}  // namespace moa
