#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/tuner/candidates.h"
#include "client/tuner/space.h"

namespace moa {

// What became of the question whether the best configuration needs an agent. Scores are shares of the maximum.
struct AblatedAgent {
  uint32_t round = 0;  // from 1 on
  std::string agent{};
  double with = 0;     // mean of the best one's runs
  double without = 0;  // … and of those without the agent
  double error = 0;    // standard error of the difference of the two
  bool dropped = false;
};

// Drops agents that do not help from the best configuration, at most one a round: two of which either would do are not
// both dropped, because the next round compares with what is left. An agent is dropped when no more than a hundredth of
// the points is believed to be lost without it; of several, the one without which it is believed the highest (of equal
// ones: the cheaper). Rounds end when nothing was dropped, when one agent is left, or when fewer than two runs each can
// be afforded.
//
// Externally synchronised.
class LeaveOneOut {
 public:
  static constexpr uint32_t kRunsMin = 2;  // of each that is compared

  // Runs that are needed to decide a round about `best`, of at most `trials`; none where all have run already. nullopt:
  // there is nothing to decide, or it cannot be afforded. Adds candidates that are new.
  std::optional<std::vector<Promotion>> Begin(const Space& space, Candidates& candidates,
                                              size_t best, uint64_t trials);
  // After those runs. True: an agent was dropped, best() is without it, and another round may follow.
  bool Decide(const Candidates& candidates);

  size_t best() const { return best_; }
  uint32_t round() const { return round_; }
  const std::vector<AblatedAgent>& agents() const { return agents_; }

 private:
  struct Without {
    std::string agent{};
    size_t candidate = 0;
  };
  size_t best_ = 0;
  uint32_t round_ = 0;
  std::vector<Without> without_;  // of this round
  std::vector<AblatedAgent> agents_;
};

}  // namespace moa
