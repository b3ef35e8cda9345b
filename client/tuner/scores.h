#pragma once

#include <cstddef>
#include <vector>

namespace moa {

// Differences of shares that come of adding up decide nothing.
inline constexpr double kScoreRounding = 1e-9;

// What runs of one thing scored.
struct Scores {
  std::vector<double> values{};
  double mean() const;            // NaN for none
  double standard_error() const;  // 0 for fewer than two
  double squares() const;         // of the differences from the mean, summed
};

// How scores vary: from run to run of one configuration, and from configuration to configuration.
struct Noise {
  double mean = 0;     // of configurations
  double within = 0;   // variance of a run
  double between = 0;  // variance of configurations' true means
  // How many differences `within` was learnt from, the four that are assumed included.
  double freedom = 4;
};

// Learnt from all configurations' runs, of which none is empty. `assumed` is a run's standard deviation before anything
// is known; it counts as much as four differences, so that two equal scores do not make the noise vanish.
Noise LearnNoise(const std::vector<const Scores*>& configurations, double assumed);

// What is believed of a configuration's true mean: its runs' mean drawn towards that of all configurations, the more the
// fewer there are (empirical Bayes; James and Stein, 1961). So one lucky run does not win.
struct Belief {
  double mean = 0;
  double deviation = 0;
  // One standard deviation below.
  double Cautious() const { return mean - deviation; }
};
Belief BelieveIn(const Scores& scores, const Noise& noise);

// A 95 % confidence interval for the mean of `scores`: Student's, its variance learnt from these runs and, as if from four
// more differences, from all runs (a moderated t statistic: Smyth, 2004). REQUIRES: scores are not empty.
struct Interval {
  double low = 0;
  double high = 0;
};
Interval ConfidenceInterval(const Scores& scores, const Noise& noise);

// The standard error of the difference of two means.
double DifferenceError(const Scores& a, const Scores& b, const Noise& noise);

}  // namespace moa
