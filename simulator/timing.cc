#include "simulator/timing.h"

#include <algorithm>

namespace moa::simulator {
namespace {

constexpr double kQueueMedian = 0.0045;
constexpr double kQueueSigma = 0.2;
constexpr double kPromptBase = 0.0015;
constexpr double kPromptTokensPerSecond = 40'000;
constexpr double kCacheHitExtra = 0.0015;
constexpr double kLongReplyTokens = 2'000;  // from here on the long rate holds
constexpr double kRest = 0.0022;            // total − (queue + prompt + completion)
constexpr double kSlowRestShare = 0.01;

}  // namespace

Timing TimingOf(const Model& model, int64_t uncached_tokens, bool cache_hit,
                int64_t completion_tokens, double time_scale, double slow_queue_share,
                Random& random) {
  Timing timing;
  if (time_scale <= 0) return timing;
  const bool slow = random.Real() < slow_queue_share;
  const double queue = slow ? random.Real(0.18, 0.55) : random.LogNormal(kQueueMedian, kQueueSigma);
  const double prompt = kPromptBase +
                        static_cast<double>(uncached_tokens) / kPromptTokensPerSecond +
                        (cache_hit ? kCacheHitExtra : 0);
  const auto tokens = static_cast<double>(completion_tokens);
  const double rate = model.tokens_per_second_short +
                      (model.tokens_per_second_long - model.tokens_per_second_short) *
                          std::min(1.0, tokens / kLongReplyTokens);
  const double completion = tokens / rate;
  const double rest = kRest + (random.Real() < kSlowRestShare ? random.Real(0.05, 0.12) : 0);
  timing.queue = queue * time_scale;
  timing.prompt = prompt * time_scale;
  timing.completion = completion * time_scale;
  timing.total = (queue + prompt + completion + rest) * time_scale;
  timing.tokens_per_second = rate / time_scale;
  return timing;
}

}  // namespace moa::simulator
