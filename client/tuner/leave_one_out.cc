#include "client/tuner/leave_one_out.h"

#include <algorithm>
#include <cmath>

namespace moa {
namespace {

// Fewer say nothing of the noise; more than four are better spent on another round.
constexpr uint32_t kRunsMin = LeaveOneOut::kRunsMin;
constexpr uint32_t kRunsMax = 4;

// A hundredth of the points is not worth an agent's calls.
constexpr double kWorthKeeping = 0.01;

}  // namespace

std::optional<std::vector<Promotion>> LeaveOneOut::Begin(const Space& space, Candidates& candidates,
                                                         size_t best, uint64_t trials) {
  best_ = best;
  without_.clear();
  const Point point = candidates[best].point;
  const std::vector<size_t> droppable = space.Droppable(point);
  if (droppable.empty()) return std::nullopt;
  // Some may have run before, the best one above all.
  std::vector<size_t> compared = {best};
  for (const size_t slot : droppable) {
    Point without = space.Without(point, slot);
    const std::string key = space.KeyOf(without);
    const std::optional<size_t> known = candidates.Find(key);
    compared.push_back(known ? *known : candidates.Add(std::move(without), key));
    without_.push_back({space.slots()[slot].name, compared.back()});
  }
  for (uint32_t each = kRunsMax; each >= kRunsMin; --each) {
    std::vector<Promotion> runs;
    uint64_t count = 0;
    for (const size_t candidate : compared) {
      const uint32_t asked = candidates[candidate].asked;
      if (asked >= each) continue;
      runs.push_back({candidate, each - asked});
      count += each - asked;
    }
    if (count > trials) continue;
    ++round_;
    return runs;
  }
  return std::nullopt;
}

bool LeaveOneOut::Decide(const Candidates& candidates) {
  const Scores& with = candidates[best_].shares;
  const double believed = candidates.BeliefIn(best_).mean;
  std::optional<size_t> dropped;  // index into agents_
  size_t next = best_;
  const auto better = [&](size_t a, size_t b) {
    const double difference = candidates.BeliefIn(a).mean - candidates.BeliefIn(b).mean;
    if (std::abs(difference) > kScoreRounding) return difference > 0;
    return candidates[a].mean_tokens() < candidates[b].mean_tokens();
  };
  for (const Without& without : without_) {
    const Scores& scores = candidates[without.candidate].shares;
    const double error = DifferenceError(with, scores, candidates.noise());
    agents_.push_back({round_, without.agent, with.mean(), scores.mean(), error, false});
    const double lost = believed - candidates.BeliefIn(without.candidate).mean;
    if (lost > kWorthKeeping + kScoreRounding) continue;
    if (dropped && !better(without.candidate, next)) continue;
    dropped = agents_.size() - 1;
    next = without.candidate;
  }
  if (!dropped) return false;
  agents_[*dropped].dropped = true;
  best_ = next;
  return true;
}

}  // namespace moa
