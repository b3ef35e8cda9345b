#include "client/tuner/dimension.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/check.h"

namespace moa {
namespace {

constexpr double kStep = 0.2;  // a mutation's standard deviation, as a share of the range

// The value below which this share of the prior lies.
double Quantile(const Dimension& dimension, double share) {
  if (!dimension.is_choice()) {
    return Fitted(dimension, dimension.low + share * (dimension.high - dimension.low));
  }
  double below = 0;
  for (size_t choice = 0; choice < dimension.choices; ++choice) {
    below += dimension.PriorOf(choice);
    if (share < below) return static_cast<double>(choice);
  }
  return static_cast<double>(dimension.choices - 1);
}

}  // namespace

double Dimension::PriorOf(size_t choice) const {
  if (prior.empty()) return 1 / static_cast<double>(choices);
  const auto weight = [&](size_t i) { return i < prior.size() ? prior[i] : prior.back(); };
  double sum = 0;
  for (size_t i = 0; i < choices; ++i) sum += weight(i);
  return weight(choice) / sum;
}

bool Matters(const std::vector<Dimension>& dimensions, const Point& point, size_t dimension) {
  const std::vector<size_t>& gates = dimensions[dimension].gates;
  return gates.empty() || std::any_of(gates.begin(), gates.end(),
                                      [&](size_t gate) { return ChoiceAt(point, gate) == 1; });
}

size_t ChoiceAt(const Point& point, size_t dimension) {
  MOA_CHECK(dimension < point.size());
  return static_cast<size_t>(point[dimension]);
}

double Fitted(const Dimension& dimension, double value) {
  const double clamped = std::clamp(value, dimension.low, dimension.high);
  if (dimension.step <= 0) return clamped;
  // Divided rather than multiplied: 0.7 comes out as the 0.7 that people write.
  const double per_unit = std::round(1 / dimension.step);
  return std::clamp(std::round(clamped * per_unit) / per_unit, dimension.low, dimension.high);
}

Point DrawPoint(const std::vector<Dimension>& dimensions, Random& random) {
  Point point;
  for (const Dimension& dimension : dimensions) {
    point.push_back(Quantile(dimension, random.Uniform()));
  }
  return point;
}

Point Mutated(const std::vector<Dimension>& dimensions, Point point, double more, Random& random) {
  const size_t sure = random.Below(dimensions.size());
  const double chance = more / static_cast<double>(dimensions.size());
  for (size_t d = 0; d < dimensions.size(); ++d) {
    const Dimension& dimension = dimensions[d];
    const double drawn =
        dimension.is_choice()
            ? Quantile(dimension, random.Uniform())
            : Fitted(dimension,
                     point[d] + kStep * (dimension.high - dimension.low) * random.Normal());
    if (random.Uniform() < chance || d == sure) point[d] = drawn;
  }
  return point;
}

std::vector<Point> DrawStratified(const std::vector<Dimension>& dimensions, size_t count,
                                  Random& random) {
  std::vector<Point> points(count);
  std::vector<size_t> strata(count);
  for (const Dimension& dimension : dimensions) {
    std::iota(strata.begin(), strata.end(), size_t{0});
    random.Shuffle(strata);
    for (size_t i = 0; i < count; ++i) {
      const double share =
          (static_cast<double>(strata[i]) + random.Uniform()) / static_cast<double>(count);
      points[i].push_back(Quantile(dimension, share));
    }
  }
  return points;
}

}  // namespace moa
