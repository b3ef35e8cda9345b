#pragma once

#include <algorithm>
#include <map>
#include <utility>

#include "absl/time/time.h"
#include "tests/sim/event_queue.h"

namespace moa::sim {

// Which ways between any two nodes of a cluster are cut, and until when; each direction on its own. Ways that nobody
// cut are open, as all are in a simulation of one coordinator.
//
// Owner: the World. Not thread-safe.
class Links {
 public:
  // 0 is the store.
  static constexpr int kStore = 0;
  static int Coordinator(int address) { return 1 + address; }
  static int Worker(int number) { return 100 + number; }
  static int Client(int number) { return 200 + number; }

  explicit Links(const EventQueue& queue) : queue_(queue) {}

  void Cut(int from, int to, absl::Duration duration) {
    absl::Time& until = cut_.try_emplace({from, to}, absl::InfinitePast()).first->second;
    until = std::max(until, queue_.now() + duration);
  }
  void HealAll() { cut_.clear(); }

  bool Up(int from, int to) const {
    const auto it = cut_.find({from, to});
    return it == cut_.end() || it->second <= queue_.now();
  }
  bool BothUp(int a, int b) const { return Up(a, b) && Up(b, a); }

 private:
  const EventQueue& queue_;
  std::map<std::pair<int, int>, absl::Time> cut_;
};

}  // namespace moa::sim
