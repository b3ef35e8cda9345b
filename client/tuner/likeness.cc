#include "client/tuner/likeness.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace moa {
namespace {

// What one rewriting leaves: after three a prompt is half another one.
constexpr double kEditKeeps = 0.8;
// Numbers this share of the range apart are as much alike as a standard deviation.
constexpr double kWidth = 0.3;
// So many values that differ make two wholes e times less alike.
constexpr double kWholeScale = 4;

// Edits between two choices, each of which was made from one before it.
size_t EditsBetween(const std::vector<size_t>& made_from, size_t a, size_t b) {
  size_t edits = 0;
  for (; a != b; ++edits) {
    if (a < b) std::swap(a, b);
    a = made_from[a];
  }
  return edits;
}

double AlikeIn(const Dimension& dimension, double a, double b) {
  if (a == b) return 1;
  if (!dimension.is_choice()) {
    const double z = (a - b) / ((dimension.high - dimension.low) * kWidth);
    return std::exp(-0.5 * z * z);
  }
  if (dimension.made_from.empty()) return 0;
  const size_t edits =
      EditsBetween(dimension.made_from, static_cast<size_t>(a), static_cast<size_t>(b));
  return std::pow(kEditKeeps, static_cast<double>(edits));
}

double LogEdits(const std::vector<Dimension>& dimensions, const Point& point) {
  size_t edits = 0;
  for (size_t d = 0; d < dimensions.size(); ++d) {
    if (dimensions[d].made_from.empty() || !Matters(dimensions, point, d)) continue;
    edits += EditsBetween(dimensions[d].made_from, ChoiceAt(point, d), 0);
  }
  return std::log1p(static_cast<double>(edits));
}

}  // namespace

Likeness LikenessOf(const std::vector<Dimension>& dimensions, const Point& a, const Point& b) {
  std::vector<double> by_group;  // products; negative where the group has no dimension
  double count = 0;
  double alike = 0;
  for (size_t d = 0; d < dimensions.size(); ++d) {
    const Dimension& dimension = dimensions[d];
    if (dimension.choices == 1) continue;
    const bool in_a = Matters(dimensions, a, d);
    const bool in_b = Matters(dimensions, b, d);
    const double here = in_a && in_b ? AlikeIn(dimension, a[d], b[d]) : in_a == in_b ? 1 : 0;
    ++count;
    alike += here;
    if (by_group.size() <= dimension.group) by_group.resize(dimension.group + 1, -1);
    double& product = by_group[dimension.group];
    product = product < 0 ? here : product * here;
  }
  const double edits = LogEdits(dimensions, a) * LogEdits(dimensions, b);
  if (count == 0) return {1, 1, 1, edits};
  double agents = 0;
  double groups = 0;
  for (const double product : by_group) {
    if (product < 0) continue;
    agents += product;
    ++groups;
  }
  return {alike / count, agents / groups, std::exp(-(count - alike) / kWholeScale), edits};
}

}  // namespace moa
