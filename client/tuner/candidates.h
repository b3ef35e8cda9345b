#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/tuner/dimension.h"
#include "client/tuner/scores.h"
#include "client/tuner/surrogate.h"
#include "client/tuner/trial.h"

namespace moa {

// A configuration and its runs.
struct Candidate {
  Point point{};
  std::string key{};
  uint32_t asked = 0;               // runs handed out or queued
  uint32_t rung = 0;                // promotions so far
  std::vector<TrialResult> runs{};  // in the order of trials
  Scores shares{};                  // of the maximum, of each run

  double mean_tokens() const;
  double mean_cost_usd() const;
};

// All configurations of a study, in the order in which they were thought of. Externally synchronised.
class Candidates {
 public:
  // REQUIRES: Find(key) finds none.
  size_t Add(Point point, const std::string& key);
  std::optional<size_t> Find(absl::string_view key) const;
  size_t size() const { return all_.size(); }
  const Candidate& operator[](size_t index) const { return all_[index]; }

  void Ask(size_t index) { ++all_[index].asked; }
  void Unask(size_t index) { --all_[index].asked; }
  void Promote(size_t index) { ++all_[index].rung; }
  void AddRun(size_t index, TrialResult result);

  // What all runs so far say of the noise. REQUIRES: there is a run.
  const Noise& noise() const { return noise_; }
  // From now on beliefs are those of a surrogate of all runs so far, until the next run is added. To be called again when
  // a dimension has more choices.
  void Learn(const std::vector<Dimension>& dimensions);
  const std::optional<Surrogate>& surrogate() const { return surrogate_; }
  // REQUIRES: the candidate has run.
  Belief BeliefIn(size_t index) const;

  // Those with at least `runs_min` runs, best belief first; of equal ones the cheaper, then the older.
  std::vector<size_t> Ranked(size_t runs_min = 1) const;
  // The one whose belief is the highest even when one standard deviation is taken off; of equal ones the cheaper.
  // Of those that ran several times, where there are such. nullopt: nothing ran.
  std::optional<size_t> Winner() const;

 private:
  void LearnNoiseOfAll();
  std::vector<size_t> Observed() const;
  double Least() const;

  std::vector<Candidate> all_;
  std::map<std::string, size_t, std::less<>> by_key_;
  Noise noise_;
  std::optional<Surrogate> surrogate_;
  std::map<size_t, Belief> beliefs_;  // by it
};

// Successive halving (Jamieson and Talwalkar, 2016), as the asynchronous kind has it (Li et al., 2020): of the candidates
// that have reached a rung the best share goes on to the next one, as soon as there are enough to tell. Returns which
// candidates get how many further runs, those of higher rungs first, and notes the promotion. `rungs` are numbers of
// runs: 1, 2, 4, 8.
struct Promotion {
  size_t candidate = 0;
  uint32_t runs = 0;
};
std::vector<Promotion> PromoteBest(Candidates& candidates, const std::vector<uint32_t>& rungs,
                                   double share);

}  // namespace moa
