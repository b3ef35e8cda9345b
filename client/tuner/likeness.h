#pragma once

#include <vector>

#include "client/tuner/dimension.h"

namespace moa {

// How much two configurations have in common, in four ways. The first three are from 0 (nothing) to 1 (all), and each is a
// covariance function on its own.
struct Likeness {
  double values = 0;  // the mean over dimensions: what each value is worth by itself
  double agents =
      0;  // the mean over agents, of which all values count together: a temperature suits a model
  double whole = 0;  // falls with every value that differs: all depends on all
  double edits =
      0;  // the product of the logarithms of how often prompts were rewritten: what rewriting is worth
};

// A prompt is like the one that it was made from, the less the more rewritings lie between; a number is like those near it;
// other choices are alike or not. What does not matter in either point is alike, what matters in one is not.
Likeness LikenessOf(const std::vector<Dimension>& dimensions, const Point& a, const Point& b);

}  // namespace moa
