#include "coordinator/scheduler/storm_gate.h"

#include <algorithm>

#include "common/base/check.h"

namespace moa {
namespace {

constexpr uint32_t kStormAfter = 4;  // busy answers in a row
constexpr double kPauseShare = 1.0 / 20;
constexpr absl::Duration kPauseMin = absl::Milliseconds(200);
constexpr absl::Duration kPauseMax = absl::Seconds(5);
constexpr double kWindowMin = 1;
constexpr double kShareGain = 1.0 / 16;
// A window that has grown to this many times what is under way bounds nothing any more.
constexpr double kSlack = 4;

}  // namespace

bool StormGate::Admits(absl::Time now) const {
  if (closed_) return !probing_ && now >= probe_at_;
  return window_ == 0 || under_way_ < window_;
}

absl::Time StormGate::AdmitsAt(absl::Time now) const {
  if (Admits(now)) return now;
  return closed_ && !probing_ ? probe_at_ : absl::InfiniteFuture();
}

uint64_t StormGate::Sent(absl::Time /*now*/) {
  ++under_way_;
  if (closed_) {
    probing_ = true;
    probe_round_ = ++round_;  // older calls' answers are not the probe's
  }
  return round_;
}

void StormGate::End(uint64_t round) {
  MOA_CHECK(under_way_ > 0);
  --under_way_;
  if (probing_ && round == probe_round_) probing_ = false;
}

void StormGate::Answered(uint64_t round, absl::Time /*now*/) {
  const double were_under_way = under_way_;
  End(round);
  // Calls that were let in before the storm say nothing about it.
  if (closed_ && round != probe_round_) return;
  busy_in_row_ = 0;
  busy_share_ -= kShareGain * busy_share_;
  storm_began_ = absl::InfiniteFuture();
  if (closed_) {
    closed_ = false;
    busy_share_ = 0;
    threshold_ = before_storm_;
    window_ = std::max(4.0, before_storm_ / 4.0);
    return;
  }
  if (window_ == 0) return;
  window_ += window_ < threshold_ ? 1 : 1 / window_;
  if (window_ > threshold_ && window_ > kSlack * were_under_way + 16) window_ = 0;
}

void StormGate::Busy(uint64_t round, uint64_t random, absl::Time now) {
  const uint32_t were_under_way = under_way_;
  End(round);
  ++busy_in_row_;
  busy_share_ += kShareGain * (1 - busy_share_);
  const bool of_this_round = round == round_;
  if (!closed_ && of_this_round) {
    ++round_;
    if (busy_in_row_ == 1 || before_storm_ == 0) before_storm_ = were_under_way;
    threshold_ = std::max(kWindowMin, were_under_way * (1 - busy_share_ / 2));
    window_ = threshold_;
    storm_began_ = std::min(storm_began_, now);
  }
  if (!closed_ && busy_in_row_ < kStormAfter) return;
  if (closed_ && !of_this_round) return;  // a straggler of before the storm: the pause stands
  closed_ = true;
  const absl::Duration pause = std::clamp((now - storm_began_) * kPauseShare, kPauseMin, kPauseMax);
  const double uniform = static_cast<double>(random >> 11) * 0x1.0p-53;
  probe_at_ = now + pause * (0.75 + 0.5 * uniform);
}

void StormGate::Dropped(uint64_t round, absl::Time /*now*/) { End(round); }

}  // namespace moa
