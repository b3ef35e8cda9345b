#include "coordinator/scheduler/quota_bucket.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace moa {
namespace {

// Kept back, as seconds of refill: covers what rounding and the way of the messages hide.
constexpr double kMarginSeconds = 0.12;
// The share of the limit that differences may make us keep back.
constexpr double kNoiseShareMax = 1.0 / 20;
constexpr double kNoiseGain = 1.0 / 20;
// A steady drain is learned in some ten seconds, and forgotten in a minute when nothing confirms it.
constexpr double kDrainGain = 1.0 / 10;
constexpr double kDrainStepSeconds = 0.5;  // of the refill: what one report can tell of a drain
constexpr double kDrainForgottenAfter = 60;
// However much others take: this share of the refill is tried for.
constexpr double kRefillShareMin = 1.0 / 20;

}  // namespace

double QuotaBucket::LevelAt(absl::Time now) const {
  if (now <= updated_ || is_unsettled_) return level_;
  const double seconds = absl::ToDoubleSeconds(now - updated_);
  if (level_ > capacity()) {
    return std::max(capacity(), level_ - (1 - share_) * WholeRate() * seconds);
  }
  const double rate = RefillRate();
  return rate > 0 ? std::min(capacity(), level_ + rate * seconds) : level_;
}

double QuotaBucket::WholeRate() const { return limit_ / absl::ToDoubleSeconds(period_); }

double QuotaBucket::RefillRate() const {
  const double whole = WholeRate();
  return std::max(whole - drain_, whole * kRefillShareMin) * share_;
}

void QuotaBucket::Advance(absl::Time now) {
  level_ = LevelAt(now);
  if (now > updated_ && drain_ > 0) {
    drain_ *= std::exp(-absl::ToDoubleSeconds(now - updated_) / kDrainForgottenAfter);
  }
  updated_ = std::max(updated_, now);
}

void QuotaBucket::Shift(double step) {
  level_ = std::min(std::max(level_, capacity()), level_ + step);
  corrected_ += step;
  // One great error (a restart, a burst elsewhere) is not a drain.
  const double whole = WholeRate();
  const double small = std::clamp(step, -kDrainStepSeconds * whole, kDrainStepSeconds * whole);
  drain_ = std::clamp(drain_ - small * kDrainGain, 0.0, whole);
}

void QuotaBucket::SetLimit(double limit, double in_flight, absl::Time now, double gone) {
  if (limit <= 0 || limit == limit_) return;
  if (!known()) {
    limit_ = limit;
    is_unsettled_ = share_ <= 0;
    level_ = (limit - gone) * (is_unsettled_ ? 1 : share_) - in_flight;
    // Before, no share bound anything; a small one would pay for that for a long time, and no report would correct it.
    if (share_ < 1) level_ = std::max(level_, 0.0);
    updated_ = now;
    return;
  }
  Advance(now);
  const bool lower = limit < limit_;
  limit_ = limit;
  if (lower) level_ = std::min(level_, capacity());
}

void QuotaBucket::LearnLimit(double limit, double in_flight, absl::Time now) {
  if (!known()) SetLimit(limit, in_flight, now, limit);
}

void QuotaBucket::SetShare(double share, absl::Time now, bool alone) {
  if (share == share_) return;
  if (known()) Advance(now);
  if (std::exchange(is_unsettled_, false) && !alone) level_ = std::min(level_, 0.0);
  share_ = share;
  ++share_version_;
}

absl::Time QuotaBucket::FitsAt(double amount, absl::Time now) const {
  if (!known()) return now;
  if (share_ <= 0) return absl::InfiniteFuture();
  const double margin =
      kMarginSeconds * WholeRate() * share_ + std::min(noise_, kNoiseShareMax * capacity());
  const double level = LevelAt(now);
  if (share_ < 1 && amount > capacity()) {
    return amount + margin <= level ? now : absl::InfiniteFuture();
  }
  const double missing = std::min(amount + margin, capacity()) - level;
  if (missing <= 0) return now;
  // Up to the next microsecond: the level must be there when the timer rings.
  return now + absl::Ceil(absl::Seconds(missing / RefillRate()), absl::Microseconds(1)) +
         absl::Microseconds(1);
}

QuotaBucket::Snapshot QuotaBucket::Take(double amount, absl::Time now) {
  if (!known()) return {};
  Advance(now);
  level_ -= amount;
  return {.known = true, .level = level_, .corrected = corrected_, .share_version = share_version_};
}

void QuotaBucket::GiveBack(double amount, absl::Time now) {
  if (!known()) return;
  Advance(now);
  level_ = std::min(std::max(level_, capacity()), level_ + amount);
}

void QuotaBucket::Correct(const Snapshot& then, double remaining, double others,
                          double others_amount, absl::Time now) {
  if (!known() || !then.known) return;
  Advance(now);
  if (then.share_version != share_version_) {
    // What others sent in between that report does not know.
    if (remaining < level_) Shift(remaining - level_);
    return;
  }
  const double error =
      std::min(remaining, limit_) - std::min(then.level, limit_) - (corrected_ - then.corrected);
  const double doubtful = std::clamp(error, -others_amount, others_amount);
  if (share_ < 1) {
    // Coincidences would not outweigh each other: those to the other side look like what other replicas hold.
    if (error < doubtful) Shift(error - doubtful);
    return;
  }
  noise_ += kNoiseGain * (std::abs(error) - noise_);
  Shift(error - doubtful + doubtful / (1 + others));
}

void QuotaBucket::Refused(double amount, absl::Time now) {
  if (!known()) return;
  Advance(now);
  const double step = std::min(amount, limit_) - 1 - level_;
  if (step < 0) Shift(step);
}

}  // namespace moa
