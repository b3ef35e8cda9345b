#include "client/tuner/study_result.h"

#include <algorithm>

namespace moa {

Standing StandingOf(const Space& space, const Candidates& candidates, size_t index, double max) {
  const Candidate& candidate = candidates[index];
  Standing standing;
  standing.config = candidate.key;
  standing.settings = space.Describe(candidate.point);
  standing.runs = candidate.runs.size();
  standing.mean = candidate.shares.mean() * max;
  const Interval interval = ConfidenceInterval(candidate.shares, candidates.noise());
  standing.interval = {std::clamp(interval.low * max, 0.0, max),
                       std::clamp(interval.high * max, 0.0, max)};
  standing.expected = candidates.BeliefIn(index).mean * max;
  standing.tokens = candidate.mean_tokens();
  standing.cost_usd = candidate.mean_cost_usd();
  for (const TrialResult& run : candidate.runs) standing.latency_ms += run.latency_ms;
  standing.latency_ms /= static_cast<double>(candidate.runs.size());
  return standing;
}

std::vector<Standing> ParetoFront(const std::vector<Standing>& ranking) {
  const bool repeated = std::any_of(ranking.begin(), ranking.end(),
                                    [](const Standing& standing) { return standing.runs > 1; });
  std::vector<Standing> front;
  for (const Standing& standing : ranking) {
    if (repeated && standing.runs < 2) continue;
    // From the best on: each that is cheaper than all before it.
    if (front.empty() || standing.tokens < front.back().tokens) front.push_back(standing);
  }
  std::reverse(front.begin(), front.end());
  return front;
}

}  // namespace moa
