#include "coordinator/scheduler/quota_bucket.h"

#include <algorithm>
#include <cmath>

namespace moa {
namespace {

// Kept back, as a share of the period's refill: covers what rounding and the way of the messages hide.
constexpr double kMarginShare = 1.0 / 500;
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
  if (now <= updated_) return level_;
  const double seconds = absl::ToDoubleSeconds(now - updated_);
  return std::min(limit_, level_ + RefillRate() * seconds);
}

double QuotaBucket::RefillRate() const {
  const double whole = limit_ / absl::ToDoubleSeconds(period_);
  return std::max(whole - drain_, whole * kRefillShareMin);
}

void QuotaBucket::Advance(absl::Time now) {
  level_ = LevelAt(now);
  if (now > updated_ && drain_ > 0) {
    drain_ *= std::exp(-absl::ToDoubleSeconds(now - updated_) / kDrainForgottenAfter);
  }
  updated_ = std::max(updated_, now);
}

void QuotaBucket::Shift(double step) {
  level_ = std::min(limit_, level_ + step);
  corrected_ += step;
  // One great error (a restart, a burst elsewhere) is not a drain.
  const double whole = limit_ / absl::ToDoubleSeconds(period_);
  const double small = std::clamp(step, -kDrainStepSeconds * whole, kDrainStepSeconds * whole);
  drain_ = std::clamp(drain_ - small * kDrainGain, 0.0, whole);
}

void QuotaBucket::SetLimit(double limit, double in_flight, absl::Time now) {
  if (limit <= 0 || limit == limit_) return;
  if (!known()) {
    limit_ = limit;
    level_ = limit - in_flight;
    updated_ = now;
    return;
  }
  Advance(now);
  limit_ = limit;
  level_ = std::min(level_, limit_);
}

absl::Time QuotaBucket::FitsAt(double amount, absl::Time now) const {
  if (!known()) return now;
  const double margin = kMarginShare * limit_ + std::min(noise_, kNoiseShareMax * limit_);
  const double missing = std::min(amount + margin, limit_) - LevelAt(now);
  if (missing <= 0) return now;
  // Up to the next microsecond: the level must be there when the timer rings.
  return now + absl::Ceil(absl::Seconds(missing / RefillRate()), absl::Microseconds(1)) +
         absl::Microseconds(1);
}

QuotaBucket::Snapshot QuotaBucket::Take(double amount, absl::Time now) {
  if (!known()) return {};
  Advance(now);
  level_ -= amount;
  return {.known = true, .level = level_, .corrected = corrected_};
}

void QuotaBucket::GiveBack(double amount, absl::Time now) {
  if (!known()) return;
  Advance(now);
  level_ = std::min(limit_, level_ + amount);
}

void QuotaBucket::Correct(const Snapshot& then, double remaining, double others,
                          double others_amount, absl::Time now) {
  if (!known() || !then.known) return;
  const double error =
      std::min(remaining, limit_) - std::min(then.level, limit_) - (corrected_ - then.corrected);
  const double doubtful = std::clamp(error, -others_amount, others_amount);
  const double step = error - doubtful + doubtful / (1 + others);
  Advance(now);
  noise_ += kNoiseGain * (std::abs(error) - noise_);
  Shift(step);
}

void QuotaBucket::Refused(double amount, absl::Time now) {
  if (!known()) return;
  Advance(now);
  const double step = std::min(amount, limit_) - 1 - level_;
  if (step < 0) Shift(step);
}

}  // namespace moa
