#include "client/tuner/proposer.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace moa {
namespace {

// Streams of randomness of one seed; proposals have those from kProposals on.
constexpr uint64_t kStartStream = 1;
constexpr uint64_t kProposals = uint64_t{1} << 32;

constexpr size_t kTriesMax = 64;  // for a configuration that is not known

// The start: each value is the base's with this chance. Whoever wrote the base knew why.
constexpr double kBaseKept = 0.5;

// What the sampler chooses from: mutations and crossings of the best, points from anywhere, mutations of the most
// promising of all these.
constexpr size_t kBest = 8;
constexpr size_t kMutations = 120;
constexpr size_t kCrossings = 120;
constexpr size_t kAnywhere = 60;
constexpr size_t kRefined = 10;
constexpr size_t kRefinements = 12;  // of each
constexpr double kMoreMutations = 1.5;
// How many standard deviations of what is not known count as promise: drawn up to this for each proposal, so that those
// of one batch differ.
constexpr double kCuriosityMax = 2;

size_t StartCount(const StudyOptions& options) {
  if (options.start > 0) return options.start;
  return std::clamp<uint64_t>(options.trials / 10, 4, 6);
}

bool IsNew(const Space& space, const Candidates& known, const Point& point) {
  return space.HasAgent(point) && !known.Find(space.KeyOf(point));
}

// Whole agents, or single values, of one or the other.
Point Crossed(const std::vector<Dimension>& dimensions, Point a, const Point& b, Random& random) {
  const bool whole = random.Below(2) == 0;
  std::map<size_t, bool> from_b;  // by group or dimension
  for (size_t d = 0; d < dimensions.size(); ++d) {
    const auto [drawn, first] = from_b.try_emplace(whole ? dimensions[d].group : d);
    if (first) drawn->second = random.Below(2) == 1;
    if (drawn->second) a[d] = b[d];
  }
  return a;
}

// Points with what they promise.
class Pool {
 public:
  Pool(const Space& space, const Candidates& known, const Surrogate& surrogate, double curiosity)
      : space_(space), known_(known), surrogate_(surrogate), curiosity_(curiosity) {}

  void Add(Point point) {
    if (!IsNew(space_, known_, point)) return;
    const Belief belief = surrogate_.At(point);
    points_.emplace_back(belief.mean + curiosity_ * belief.deviation, std::move(point));
  }
  // At most `count`, best first.
  std::vector<Point> Best(size_t count) {
    std::stable_sort(points_.begin(), points_.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<Point> best;
    for (size_t i = 0; i < std::min(count, points_.size()); ++i) best.push_back(points_[i].second);
    return best;
  }

 private:
  const Space& space_;
  const Candidates& known_;
  const Surrogate& surrogate_;
  const double curiosity_;
  std::vector<std::pair<double, Point>> points_;
};

}  // namespace

Proposer::Proposer(const Space& space, const StudyOptions& options)
    : sampler_(options.sampler), seed_(options.seed) {
  start_.push_back(space.BasePoint());
  if (sampler_ == SamplerKind::kRandom) return;
  Random random(seed_, kStartStream);
  const size_t drawn = StartCount(options) - 1;
  for (Point& point : DrawStratified(space.dimensions(), drawn, random)) {
    for (size_t d = 0; d < point.size(); ++d) {
      if (random.Uniform() < kBaseKept) point[d] = space.dimensions()[d].base;
    }
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
  if (sampler_ == SamplerKind::kSurrogate && known.surrogate()) {
    if (std::optional<Point> point = Promising(space, known, random)) return point;
  }
  for (size_t i = 0; i < kTriesMax; ++i) {
    Point point = DrawPoint(space.dimensions(), random);
    if (IsNew(space, known, point)) return point;
  }
  return std::nullopt;
}

std::optional<Point> Proposer::Promising(const Space& space, const Candidates& known,
                                         Random& random) const {
  const std::vector<Dimension>& dimensions = space.dimensions();
  Surrogate surrogate = *known.surrogate();
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i].runs.empty()) surrogate.Suppose(known[i].point);
  }
  const std::vector<size_t> ranked = known.Ranked();
  const size_t best = std::min(kBest, ranked.size());
  const auto any_of_best = [&]() -> const Point& {
    return known[ranked[random.Below(best)]].point;
  };
  Pool pool(space, known, surrogate, kCuriosityMax * random.Uniform());
  for (size_t i = 0; i < kMutations; ++i) {
    pool.Add(Mutated(dimensions, any_of_best(), kMoreMutations, random));
  }
  for (size_t i = 0; i < kCrossings; ++i) {
    const Point& one = any_of_best();
    Point crossed = Crossed(dimensions, one, any_of_best(), random);
    if (random.Below(2) == 0)
      crossed = Mutated(dimensions, std::move(crossed), kMoreMutations, random);
    pool.Add(std::move(crossed));
  }
  for (size_t i = 0; i < kAnywhere; ++i) pool.Add(DrawPoint(dimensions, random));
  for (const Point& point : pool.Best(kRefined)) {
    for (size_t i = 0; i < kRefinements; ++i) {
      pool.Add(Mutated(dimensions, point, kMoreMutations, random));
    }
  }
  std::vector<Point> promising = pool.Best(1);
  if (promising.empty()) return std::nullopt;
  return std::move(promising[0]);
}

}  // namespace moa
