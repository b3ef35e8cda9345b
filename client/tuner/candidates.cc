#include "client/tuner/candidates.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "common/base/check.h"

namespace moa {
namespace {

// A run's standard deviation, as a share of the points, before anything is known of it.
constexpr double kAssumedNoise = 0.1;

// A winner rests on so many, where anything does.
constexpr size_t kWinnerRuns = 3;

// A surrogate costs the cube of what it is made from.
constexpr std::ptrdiff_t kBestObserved = 150;
constexpr std::ptrdiff_t kNewestObserved = 100;

// A normal variable is within this many standard deviations half of the time.
constexpr double kNormalQuartile = 0.6745;
// So many times as far below the median as half of the runs are.
constexpr double kAccident = 3 / kNormalQuartile;

// The upper of two. REQUIRES: there is a value.
double Middle(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double Rounded(double value) { return std::round(value / kScoreRounding) * kScoreRounding; }

}  // namespace

double Candidate::mean_tokens() const {
  double sum = 0;
  for (const TrialResult& run : runs) sum += static_cast<double>(run.tokens);
  return runs.empty() ? 0 : sum / static_cast<double>(runs.size());
}

double Candidate::mean_cost_usd() const {
  double sum = 0;
  for (const TrialResult& run : runs) sum += run.cost_usd;
  return runs.empty() ? 0 : sum / static_cast<double>(runs.size());
}

size_t Candidates::Add(Point point, const std::string& key) {
  const bool added = by_key_.emplace(key, all_.size()).second;
  MOA_CHECK(added);
  Candidate& candidate = all_.emplace_back();
  candidate.point = std::move(point);
  candidate.key = key;
  return all_.size() - 1;
}

std::optional<size_t> Candidates::Find(absl::string_view key) const {
  const auto found = by_key_.find(std::string(key));
  if (found == by_key_.end()) return std::nullopt;
  return found->second;
}

void Candidates::AddRun(size_t index, TrialResult result) {
  all_[index].shares.values.push_back(result.share());
  all_[index].runs.push_back(std::move(result));
  LearnNoiseOfAll();
  surrogate_.reset();
  beliefs_.clear();
}

void Candidates::LearnNoiseOfAll() {
  std::vector<const Scores*> scores;
  for (const Candidate& candidate : all_) {
    if (!candidate.runs.empty()) scores.push_back(&candidate.shares);
  }
  noise_ = LearnNoise(scores, kAssumedNoise);
}

// Those that a surrogate is made from: all, or the best and the newest.
std::vector<size_t> Candidates::Observed() const {
  std::vector<size_t> observed;
  for (size_t i = 0; i < all_.size(); ++i) {
    if (!all_[i].runs.empty()) observed.push_back(i);
  }
  if (observed.size() <= kBestObserved + kNewestObserved) return observed;
  const auto newest = observed.end() - kNewestObserved;
  std::stable_sort(observed.begin(), newest, [&](size_t a, size_t b) {
    return BelieveIn(all_[a].shares, noise_).mean > BelieveIn(all_[b].shares, noise_).mean;
  });
  observed.erase(observed.begin() + kBestObserved, newest);
  return observed;
}

// What a run counts for at least: one in which everything went wrong says little of the configurations like it.
double Candidates::Least() const {
  std::vector<double> shares;
  for (const Candidate& candidate : all_) {
    shares.insert(shares.end(), candidate.shares.values.begin(), candidate.shares.values.end());
  }
  const double middle = Middle(shares);
  for (double& share : shares) share = std::abs(share - middle);
  return middle - kAccident * std::max(Middle(shares), kAssumedNoise * kNormalQuartile);
}

void Candidates::Learn(const std::vector<Dimension>& dimensions) {
  const std::vector<size_t> observed = Observed();
  if (observed.empty()) return;
  const double least = Least();
  std::vector<Observation> observations;
  for (const size_t index : observed) {
    const Candidate& candidate = all_[index];
    double sum = 0;
    for (const double share : candidate.shares.values) sum += std::max(share, least);
    const auto runs = static_cast<double>(candidate.runs.size());
    observations.push_back({candidate.point, sum / runs, runs});
  }
  surrogate_.emplace(dimensions, observations, noise_.within);
  beliefs_.clear();
  for (const size_t index : observed) beliefs_[index] = surrogate_->At(all_[index].point);
}

Belief Candidates::BeliefIn(size_t index) const {
  const auto learnt = beliefs_.find(index);
  return learnt != beliefs_.end() ? learnt->second : BelieveIn(all_[index].shares, noise_);
}

std::vector<size_t> Candidates::Ranked(size_t runs_min) const {
  std::vector<std::tuple<double, double, size_t>> order;
  for (size_t i = 0; i < all_.size(); ++i) {
    if (all_[i].runs.size() < std::max<size_t>(1, runs_min)) continue;
    order.emplace_back(-Rounded(BeliefIn(i).mean), all_[i].mean_tokens(), i);
  }
  std::sort(order.begin(), order.end());
  std::vector<size_t> ranked;
  ranked.reserve(order.size());
  for (const auto& entry : order) ranked.push_back(std::get<2>(entry));
  return ranked;
}

std::optional<size_t> Candidates::Winner() const {
  std::vector<size_t> ranked;
  for (size_t runs = kWinnerRuns; runs > 0 && ranked.empty(); --runs) ranked = Ranked(runs);
  if (ranked.empty()) return std::nullopt;
  return *std::min_element(ranked.begin(), ranked.end(), [&](size_t a, size_t b) {
    return std::tuple(-Rounded(BeliefIn(a).Cautious()), all_[a].mean_tokens(), a) <
           std::tuple(-Rounded(BeliefIn(b).Cautious()), all_[b].mean_tokens(), b);
  });
}

std::vector<Promotion> PromoteBest(Candidates& candidates, const std::vector<uint32_t>& rungs,
                                   double share) {
  std::vector<Promotion> promotions;
  for (size_t rung = rungs.size() - 1; rung-- > 0;) {
    const std::vector<size_t> reached = candidates.Ranked(rungs[rung]);
    const auto promoted_max = static_cast<size_t>(
        std::floor(share * static_cast<double>(reached.size()) + kScoreRounding));
    for (size_t rank = 0; rank < promoted_max; ++rank) {
      const Candidate& candidate = candidates[reached[rank]];
      if (candidate.rung > rung) continue;
      while (candidate.rung <= rung) candidates.Promote(reached[rank]);
      const uint32_t wanted = rungs[rung + 1];
      if (candidate.asked < wanted) promotions.push_back({reached[rank], wanted - candidate.asked});
    }
  }
  return promotions;
}

}  // namespace moa
