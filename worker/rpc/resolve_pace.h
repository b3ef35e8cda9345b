#pragma once

#include "absl/time/time.h"

namespace moa::worker {

// When names are to be resolved: at once, then every `interval`, and when somebody is in a hurry sooner, but never more
// than five times in that. Pure. Externally synchronised.
class ResolvePace {
 public:
  explicit ResolvePace(absl::Duration interval) : interval_(interval) {}

  absl::Time next() const { return last_ + (hurried_ ? interval_ / 5 : interval_); }
  // The addresses may have changed.
  void Hurry() { hurried_ = true; }
  // They are being resolved.
  void Begin(absl::Time now) {
    last_ = now;
    hurried_ = false;
  }

 private:
  const absl::Duration interval_;
  absl::Time last_ = absl::InfinitePast();
  bool hurried_ = false;
};

}  // namespace moa::worker
