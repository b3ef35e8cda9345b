#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "client/tuner/random.h"

namespace moa {

// One thing that is searched: a number in a range, or one of several choices. A value type.
struct Dimension {
  std::string name{};  // "planner.temperature"
  // Of a choice, how many there are; it may grow. 0: a number in [low, high], a multiple of `step`.
  size_t choices = 0;
  double low = 0;
  double high = 0;
  double step = 0;
  // How likely each choice is before anything is known. Shorter than `choices`: the others as likely as the last; empty:
  // all alike.
  std::vector<double> prior{};
  // Indices of choices, of which one must be 1 for this dimension to matter: that of an agent that was dropped does
  // not. Empty: it always does.
  std::vector<size_t> gates{};
  // Dimensions of one agent share a group: what one of them is good for may depend on the others.
  size_t group = 0;
  // Of choices that are made from one another (prompts), from which one each was made, an earlier one; the first from
  // itself. Empty: choices have nothing in common.
  std::vector<size_t> made_from{};
  double base = 0;  // the base's value

  bool is_choice() const { return choices > 0; }
  double PriorOf(size_t choice) const;
};

// A value for each dimension: a number, or a choice's index. What does not matter there has a value all the same.
using Point = std::vector<double>;

bool Matters(const std::vector<Dimension>& dimensions, const Point& point, size_t dimension);
size_t ChoiceAt(const Point& point, size_t dimension);
// `value` put into the range and onto the grid.
double Fitted(const Dimension& dimension, double value);

// A point drawn from what is known beforehand.
Point DrawPoint(const std::vector<Dimension>& dimensions, Random& random);
// Another one near it: one dimension is drawn anew, and each other one with a chance of `more` over their number; numbers
// move by about a fifth of their range.
Point Mutated(const std::vector<Dimension>& dimensions, Point point, double more, Random& random);
// `count` of them, which between them cover each dimension's range evenly (a Latin hypercube: McKay, Beckman and
// Conover, 1979).
std::vector<Point> DrawStratified(const std::vector<Dimension>& dimensions, size_t count,
                                  Random& random);

}  // namespace moa
