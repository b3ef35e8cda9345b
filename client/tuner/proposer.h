#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "client/tuner/candidates.h"
#include "client/tuner/space.h"
#include "client/tuner/study_options.h"

namespace moa {

// Where new configurations come from: rewritten prompts first, then points about the base, then the sampler. None is
// proposed twice. Externally synchronised.
class Proposer {
 public:
  Proposer(const Space& space, const StudyOptions& options);

  // A configuration with rewritten prompts; it comes before all others.
  void AddChild(Point point) { children_.push_back(std::move(point)); }

  // `number` is that of the proposal: with the seed and what is known it decides what is drawn. nullopt: every
  // configuration that was drawn is known already; the space has few others, if any.
  std::optional<Point> Next(const Space& space, const Candidates& known, uint64_t number);

 private:
  // The likeliest to be good of those that are near what is good, and some that are anywhere.
  std::optional<Point> Promising(const Space& space, const Candidates& known, Random& random) const;

  // Constant after construction.
  const SamplerKind sampler_;
  const uint64_t seed_;

  std::deque<Point> start_;
  std::deque<Point> children_;
};

}  // namespace moa
