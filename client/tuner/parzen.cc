#include "client/tuner/parzen.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "common/base/check.h"

namespace moa {
namespace {

// At least half of a kernel lies in the range on one side of its centre: one draw or two will do.
constexpr int kDrawsMax = 64;

double NormalBelow(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

}  // namespace

ParzenEstimator::ParzenEstimator(const std::vector<Dimension>& dimensions,
                                 const std::vector<Observation>& observations,
                                 const std::vector<Point>& pending, const ParzenOptions& options)
    : dimensions_(dimensions), options_(options) {
  MOA_CHECK(!observations.empty());
  std::vector<size_t> order(observations.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return observations[a].value > observations[b].value;
  });
  const auto wanted = static_cast<size_t>(
      std::ceil(options_.good_share * static_cast<double>(observations.size())));
  const size_t good_count = std::min(std::max(options_.good_min, wanted), observations.size());
  std::vector<const Point*> good;
  std::vector<const Point*> bad;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    (rank < good_count ? good : bad).push_back(&observations[order[rank]].point);
  }
  for (const Point& point : pending) bad.push_back(&point);
  for (size_t d = 0; d < dimensions_.size(); ++d) {
    good_.push_back(Estimate(d, good));
    bad_.push_back(Estimate(d, bad));
  }
}

ParzenEstimator::Density ParzenEstimator::Estimate(size_t dimension,
                                                   const std::vector<const Point*>& points) const {
  Density density;
  const Dimension& of = dimensions_[dimension];
  if (of.is_choice()) {
    for (size_t choice = 0; choice < of.choices; ++choice) {
      density.chances.push_back(options_.prior_weight * of.PriorOf(choice));
    }
  }
  for (const Point* point : points) {
    if (!Matters(dimensions_, *point, dimension)) continue;
    if (of.is_choice()) {
      ++density.chances[ChoiceAt(*point, dimension)];
    } else {
      density.values.push_back((*point)[dimension]);
    }
  }
  if (of.is_choice()) {
    const double sum = std::accumulate(density.chances.begin(), density.chances.end(), 0.0);
    for (double& chance : density.chances) chance /= sum;
    return density;
  }
  // Scott's rule for one dimension.
  const double shrunk =
      options_.width * std::pow(static_cast<double>(density.values.size()) + 1, -0.2);
  density.width = (of.high - of.low) * std::max(shrunk, options_.width_min);
  return density;
}

double ParzenEstimator::LogDensity(const Dimension& dimension, const Density& density,
                                   double value) const {
  if (dimension.is_choice()) return std::log(density.chances[static_cast<size_t>(value)]);
  const double range = dimension.high - dimension.low;
  if (range <= 0) return 0;
  double sum = options_.prior_weight / range;
  for (const double center : density.values) {
    const double inside = NormalBelow((dimension.high - center) / density.width) -
                          NormalBelow((dimension.low - center) / density.width);
    const double z = (value - center) / density.width;
    sum += std::exp(-0.5 * z * z) / (std::sqrt(2 * std::numbers::pi) * density.width * inside);
  }
  return std::log(sum / (options_.prior_weight + static_cast<double>(density.values.size())));
}

double ParzenEstimator::Draw(size_t dimension, Random& random) const {
  const Dimension& of = dimensions_[dimension];
  const Density& density = good_[dimension];
  if (of.is_choice()) return static_cast<double>(random.Weighted(density.chances));
  std::vector<double> weights(density.values.size(), 1);
  weights.push_back(options_.prior_weight);
  const size_t kernel = random.Weighted(weights);
  if (kernel == density.values.size()) {
    return Fitted(of, of.low + random.Uniform() * (of.high - of.low));
  }
  for (int i = 0; i < kDrawsMax; ++i) {
    const double value = density.values[kernel] + density.width * random.Normal();
    if (value >= of.low && value <= of.high) return Fitted(of, value);
  }
  return density.values[kernel];
}

Point ParzenEstimator::Propose(Random& random) const {
  Point best;
  double best_ratio = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < std::max<size_t>(1, options_.draws); ++i) {
    Point point;
    for (size_t d = 0; d < dimensions_.size(); ++d) point.push_back(Draw(d, random));
    const double ratio = LogRatio(point);
    if (best.empty() || ratio > best_ratio) {
      best = std::move(point);
      best_ratio = ratio;
    }
  }
  return best;
}

double ParzenEstimator::LogRatio(const Point& point) const {
  double ratio = 0;
  for (size_t d = 0; d < dimensions_.size(); ++d) {
    if (!Matters(dimensions_, point, d)) continue;
    ratio += LogDensity(dimensions_[d], good_[d], point[d]) -
             LogDensity(dimensions_[d], bad_[d], point[d]);
  }
  return ratio;
}

}  // namespace moa
