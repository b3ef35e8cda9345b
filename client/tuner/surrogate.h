#pragma once

#include <Eigen/Core>
#include <vector>

#include "client/tuner/dimension.h"
#include "client/tuner/likeness.h"
#include "client/tuner/scores.h"

namespace moa {

// A point that has run: the mean of its scores, and of how many.
struct Observation {
  Point point{};
  double mean = 0;
  double runs = 1;
};

// What is believed of every configuration's true mean, from the runs of those that are like it: a Gaussian process
// (Rasmussen and Williams, 2006). How much each kind of likeness counts, and how far configurations differ, is learnt: of
// some weights those are taken under which what was seen is likeliest. So a run says something of every configuration
// that shares an agent or a prompt's ancestor with it, and one lucky run says little of its own.
//
// Costs the cube of the number of observations. A value type; const methods are thread-safe.
class Surrogate {
 public:
  // `run_variance` is that of one run's score. REQUIRES: there is an observation; all points are of `dimensions`.
  Surrogate(std::vector<Dimension> dimensions, const std::vector<Observation>& observations,
            double run_variance);

  Belief At(const Point& point) const;
  // From now on as if `point` had run once and come out as expected: what is near it is surer, nothing better or worse.
  void Suppose(const Point& point);

 private:
  struct Weights {
    double values = 0;
    double agents = 0;
    double whole = 0;
    double Of(const Likeness& likeness) const;
  };
  Eigen::VectorXd CovarianceWith(const Point& point) const;

  std::vector<Dimension> dimensions_;
  std::vector<Point> points_;
  double run_variance_ = 0;

  Weights weights_;
  double mean_ = 0;
  Eigen::MatrixXd factor_;  // Cholesky's, lower, of the observations' covariance
  Eigen::VectorXd solved_;  // the covariance's inverse times the observations less the mean
};

}  // namespace moa
