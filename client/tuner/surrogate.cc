#include "client/tuner/surrogate.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "common/base/check.h"

namespace moa {
namespace {

// Standard deviations of configurations' true means, as shares of the points, and how likely they are beforehand: a
// normal curve over the logarithm.
constexpr double kDeviations[] = {0.05, 0.1, 0.2, 0.4};
constexpr double kDeviation = 0.12;
constexpr double kDeviationSpread = 1.0;  // of the natural logarithm
// Shares of the kinds of likeness: values, agents, whole.
constexpr double kShares[][3] = {
    {0.8, 0.15, 0.05}, {0.4, 0.5, 0.1}, {0.3, 0.2, 0.5}, {0.1, 0.1, 0.8}};
// What the logarithm of the number of rewritings may be worth, to either side, before anything is known.
constexpr double kEditsDeviation = 0.08;
// Keeps the factor that of a positive matrix.
constexpr double kJitter = 1e-9;

using Triangle = Eigen::TriangularView<const Eigen::MatrixXd, Eigen::Lower>;

}  // namespace

double Surrogate::Weights::Of(const Likeness& likeness) const {
  return values * likeness.values + agents * likeness.agents + whole * likeness.whole +
         kEditsDeviation * kEditsDeviation * likeness.edits;
}

Surrogate::Surrogate(std::vector<Dimension> dimensions,
                     const std::vector<Observation>& observations, double run_variance)
    : dimensions_(std::move(dimensions)), run_variance_(run_variance) {
  MOA_CHECK(!observations.empty());
  const auto count = static_cast<Eigen::Index>(observations.size());
  Eigen::VectorXd seen(count);
  Eigen::VectorXd noise(count);
  std::vector<std::vector<Likeness>> likenesses(observations.size());
  for (size_t i = 0; i < observations.size(); ++i) {
    points_.push_back(observations[i].point);
    seen[static_cast<Eigen::Index>(i)] = observations[i].mean;
    noise[static_cast<Eigen::Index>(i)] = run_variance / observations[i].runs + kJitter;
    for (const Point& before : points_) {
      likenesses[i].push_back(LikenessOf(dimensions_, points_[i], before));
    }
  }
  const Eigen::VectorXd ones = Eigen::VectorXd::Ones(count);
  double likeliest = -std::numeric_limits<double>::infinity();
  for (const double deviation : kDeviations) {
    for (const auto& shares : kShares) {
      const double variance = deviation * deviation;
      const Weights weights = {variance * shares[0], variance * shares[1], variance * shares[2]};
      Eigen::MatrixXd covariance(count, count);
      for (Eigen::Index i = 0; i < count; ++i) {
        for (Eigen::Index j = 0; j <= i; ++j) {
          covariance(i, j) = weights.Of(likenesses[static_cast<size_t>(i)][static_cast<size_t>(j)]);
        }
        covariance(i, i) += noise[i];
      }
      const Eigen::MatrixXd factor = covariance.llt().matrixL();  // reads the lower half only
      const Triangle lower = factor.triangularView<Eigen::Lower>();
      const Eigen::VectorXd half_ones = lower.solve(ones);
      const Eigen::VectorXd half_seen = lower.solve(seen);
      const double precision = half_ones.squaredNorm();
      const double mean = half_ones.dot(half_seen) / precision;
      const Eigen::VectorXd half = half_seen - mean * half_ones;
      const double off = std::log(deviation / kDeviation) / kDeviationSpread;
      const double likelihood = -0.5 * half.squaredNorm() - factor.diagonal().array().log().sum() -
                                0.5 * std::log(precision) - 0.5 * off * off;
      if (likelihood <= likeliest) continue;
      likeliest = likelihood;
      weights_ = weights;
      mean_ = mean;
      factor_ = factor;
      solved_ = lower.transpose().solve(half);
    }
  }
}

Eigen::VectorXd Surrogate::CovarianceWith(const Point& point) const {
  Eigen::VectorXd covariance(static_cast<Eigen::Index>(points_.size()));
  for (size_t i = 0; i < points_.size(); ++i) {
    covariance[static_cast<Eigen::Index>(i)] =
        weights_.Of(LikenessOf(dimensions_, point, points_[i]));
  }
  return covariance;
}

Belief Surrogate::At(const Point& point) const {
  const Eigen::VectorXd covariance = CovarianceWith(point);
  const Eigen::VectorXd half = factor_.triangularView<Eigen::Lower>().solve(covariance);
  const double variance = weights_.Of(LikenessOf(dimensions_, point, point)) - half.squaredNorm();
  return {mean_ + covariance.dot(solved_), std::sqrt(std::max(variance, 0.0))};
}

void Surrogate::Suppose(const Point& point) {
  const Eigen::Index count = factor_.rows();
  const Eigen::VectorXd half = factor_.triangularView<Eigen::Lower>().solve(CovarianceWith(point));
  const double variance = weights_.Of(LikenessOf(dimensions_, point, point)) + run_variance_ +
                          kJitter - half.squaredNorm();
  factor_.conservativeResizeLike(Eigen::MatrixXd::Zero(count + 1, count + 1));
  factor_.row(count).head(count) = half;
  factor_(count, count) = std::sqrt(std::max(variance, kJitter));
  solved_.conservativeResizeLike(Eigen::VectorXd::Zero(count + 1));
  points_.push_back(point);
}

}  // namespace moa
