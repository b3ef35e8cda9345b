#include "coordinator/scheduler/latency_model.h"

#include <algorithm>

namespace moa {
namespace {

constexpr size_t kReplies = 400;
constexpr uint64_t kRepliesNeeded = 30;
constexpr uint64_t kRecomputeEvery = 20;
// Connection, queue and prompt take about as long as this many tokens.
constexpr double kTokensBeforeFirst = 30;
// Faster than this, a second call costs more than it can gain.
constexpr absl::Duration kSlowAfterMin = absl::Milliseconds(20);

double Quantile(std::vector<double>& values, double q) {
  const auto at =
      values.begin() + static_cast<ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

void LatencyModel::Observe(absl::Duration run, uint64_t completion_tokens) {
  if (run <= absl::ZeroDuration()) return;
  const double tokens = static_cast<double>(completion_tokens) + kTokensBeforeFirst;
  const Reply reply{.tokens = tokens, .seconds = absl::ToDoubleSeconds(run)};
  if (replies_.size() < kReplies) {
    replies_.push_back(reply);
  } else {
    replies_[next_] = reply;
    next_ = (next_ + 1) % kReplies;
  }
  if (++observations_ >= kRepliesNeeded && observations_ % kRecomputeEvery == 0) Recompute();
}

void LatencyModel::Recompute() {
  std::vector<double> paces;
  std::vector<double> lengths;
  std::vector<double> times;
  for (const Reply& reply : replies_) {
    paces.push_back(reply.seconds / reply.tokens);
    lengths.push_back(reply.tokens);
    times.push_back(reply.seconds);
  }
  const double pace = std::max(Quantile(paces, 0.95), 2 * Quantile(paces, 0.5));
  const double slow = std::max(pace * Quantile(lengths, 0.5), Quantile(times, 0.97));
  slow_after_ = std::max(absl::Seconds(slow), kSlowAfterMin);
}

}  // namespace moa
