#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace moa::sim {

// Virtual time: things that will happen, in order of time and, within the same instant, of their
// planning. Time passes only by running them; nothing here waits.
//
// What is planned cannot be taken back: whoever plans something that may become void checks that
// when it happens.
//
// Owner: the World. Not thread-safe.
class EventQueue {
 public:
  using Action = std::function<void()>;

  absl::Time now() const { return now_; }

  // `when` in the past means now.
  void At(absl::Time when, Action action) {
    heap_.push_back({std::max(when, now_), next_++, std::move(action)});
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }
  void After(absl::Duration delay, Action action) { At(now_ + delay, std::move(action)); }

  // Runs the next thing; false, with the time moved to `until`, when none is due by then.
  bool RunNext(absl::Time until) {
    if (heap_.empty() || heap_.front().when > until) {
      now_ = std::max(now_, until);
      return false;
    }
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    Entry entry = std::move(heap_.back());
    heap_.pop_back();
    now_ = entry.when;
    ++ran_;
    entry.action();
    return true;
  }

  uint64_t ran() const { return ran_; }

 private:
  struct Entry {
    absl::Time when;
    uint64_t order = 0;
    Action action;
  };
  static bool Later(const Entry& a, const Entry& b) {
    return std::tie(a.when, a.order) > std::tie(b.when, b.order);
  }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  uint64_t next_ = 0;
  uint64_t ran_ = 0;
  std::vector<Entry> heap_;
};

}  // namespace moa::sim
