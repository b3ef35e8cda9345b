#include "client/tuner/proposer.h"

#include <algorithm>
#include <utility>

namespace moa {
namespace {

// Streams of randomness of one seed; proposals have those from kProposals on.
constexpr uint64_t kStartStream = 1;
constexpr uint64_t kProposals = uint64_t{1} << 32;

constexpr size_t kTriesMax = 64;  // for a configuration that is not known

size_t StartCount(const StudyOptions& options) {
  if (options.start > 0) return options.start;
  return std::clamp<uint64_t>(options.trials / 10, 4, 6);
}

bool IsNew(const Space& space, const Candidates& known, const Point& point) {
  return space.HasAgent(point) && !known.Find(space.KeyOf(point));
}

}  // namespace

Proposer::Proposer(const Space& space, const StudyOptions& options)
    : sampler_(options.sampler), parzen_(options.parzen), seed_(options.seed) {
  start_.push_back(space.BasePoint());
  if (sampler_ == SamplerKind::kRandom) return;
  Random random(seed_, kStartStream);
  const size_t drawn = StartCount(options) - 1;
  for (Point& point : DrawStratified(space.dimensions(), drawn, random)) {
    start_.push_back(std::move(point));
  }
}

std::optional<Point> Proposer::Next(const Space& space, const Candidates& known, uint64_t number) {
  for (std::deque<Point>* queue : {&children_, &start_}) {
    while (!queue->empty()) {
      Point point = std::move(queue->front());
      queue->pop_front();
      if (IsNew(space, known, point)) return point;
    }
  }
  Random random(seed_, kProposals + number);
  return Sample(space, known, random);
}

std::optional<Point> Proposer::Sample(const Space& space, const Candidates& known,
                                      Random& random) const {
  std::vector<Observation> observations;
  std::vector<Point> pending;
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i].runs.empty()) {
      pending.push_back(known[i].point);
    } else {
      observations.push_back({known[i].point, known.BeliefIn(i).mean});
    }
  }
  if (sampler_ == SamplerKind::kParzen && !observations.empty()) {
    const ParzenEstimator estimator(space.dimensions(), observations, pending, parzen_);
    for (size_t i = 0; i < kTriesMax; ++i) {
      Point point = estimator.Propose(random);
      if (IsNew(space, known, point)) return point;
    }
  }
  for (size_t i = 0; i < kTriesMax; ++i) {
    Point point = DrawPoint(space.dimensions(), random);
    if (IsNew(space, known, point)) return point;
  }
  return std::nullopt;
}

}  // namespace moa
