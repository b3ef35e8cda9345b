#include "client/tuner/scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "common/base/check.h"

namespace moa {
namespace {

constexpr double kAssumedFreedom = 4;
// Configurations always differ by this share of the assumed noise: where all that ran were alike, others may not be.
constexpr double kBetweenMin = 0.25;
constexpr double kNormal975 = 1.959963984540054;

double CountOf(const Scores& scores) { return static_cast<double>(scores.values.size()); }

// Student's 97.5 % quantile by Abramowitz and Stegun 26.7.5; for four degrees and more within 0.2 %.
double Student975(double freedom) {
  const double x = kNormal975;
  const double x2 = x * x;
  const double g1 = x * (x2 + 1) / 4;
  const double g2 = x * ((5 * x2 + 16) * x2 + 3) / 96;
  const double g3 = x * (((3 * x2 + 19) * x2 + 17) * x2 - 15) / 384;
  const double g4 = x * ((((79 * x2 + 776) * x2 + 1482) * x2 - 1920) * x2 - 945) / 92160;
  return x + (g1 + (g2 + (g3 + g4 / freedom) / freedom) / freedom) / freedom;
}

// The variance of one run of `scores`, with what is known of all.
double ModeratedVariance(const Scores& scores, const Noise& noise) {
  return (kAssumedFreedom * noise.within + scores.squares()) /
         (kAssumedFreedom + CountOf(scores) - 1);
}

}  // namespace

double Scores::mean() const {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double Scores::squares() const {
  const double middle = mean();
  double sum = 0;
  for (const double value : values) sum += (value - middle) * (value - middle);
  return sum;
}

double Scores::standard_error() const {
  if (values.size() < 2) return 0;
  const auto count = static_cast<double>(values.size());
  return std::sqrt(squares() / (count - 1) / count);
}

Noise LearnNoise(const std::vector<const Scores*>& configurations, double assumed) {
  MOA_CHECK(!configurations.empty());
  Noise noise;
  Scores means;
  double squares = kAssumedFreedom * assumed * assumed;
  double error = 0;  // of the means, in runs' variances
  for (const Scores* scores : configurations) {
    squares += scores->squares();
    noise.freedom += CountOf(*scores) - 1;
    means.values.push_back(scores->mean());
    error += 1 / CountOf(*scores);
  }
  const auto count = static_cast<double>(configurations.size());
  noise.mean = means.mean();
  noise.within = squares / noise.freedom;
  const double least = kBetweenMin * assumed * kBetweenMin * assumed;
  const double spread = configurations.size() < 2 ? 0 : means.squares() / (count - 1);
  noise.between = std::max(least, spread - noise.within * error / count);
  return noise;
}

Belief BelieveIn(const Scores& scores, const Noise& noise) {
  const double count = CountOf(scores);
  if (count == 0) return {noise.mean, std::sqrt(noise.between)};
  const double kept = noise.between / (noise.between + noise.within / count);
  return {noise.mean + kept * (scores.mean() - noise.mean), std::sqrt((1 - kept) * noise.between)};
}

Interval ConfidenceInterval(const Scores& scores, const Noise& noise) {
  MOA_CHECK(!scores.values.empty());
  const double half = Student975(kAssumedFreedom + CountOf(scores) - 1) *
                      std::sqrt(ModeratedVariance(scores, noise) / CountOf(scores));
  return {scores.mean() - half, scores.mean() + half};
}

double DifferenceError(const Scores& a, const Scores& b, const Noise& noise) {
  return std::sqrt(ModeratedVariance(a, noise) / CountOf(a) +
                   ModeratedVariance(b, noise) / CountOf(b));
}

}  // namespace moa
