#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace moa::worker {

// How many of a worker's slots each coordinator may use: by need, never more together than there are (worker.proto, rule
// 8). What a coordinator may still use counts until it has confirmed that it will not.
//
// A coordinator alone gets everything; of several each gets one to begin with when it is dialled, and its part once it
// has answered, so that one that is away holds no slots. Coordinators come and go: they are counted from 0 in the order
// of Add, and what `states` has of each stands in that order too. More of them than there are slots share these by need
// alone.
//
// Invariant: over all coordinators, the greater of what it may use and what runs for it adds up to at most the slots,
// as long as what runs was admitted within them.
//
// Pure. Owner: the Worker. Externally synchronised.
class SlotGrants {
 public:
  // A coordinator that never confirms is of a version that knows no grants: a lowered one holds after this.
  static constexpr absl::Duration kConfirmTimeout = absl::Seconds(2);
  // Slots follow the demand so often.
  static constexpr absl::Duration kRebalanceInterval = absl::Milliseconds(250);

  explicit SlotGrants(uint32_t slots) : slots_(slots) {}

  // Of one coordinator, as things stand.
  struct State {
    bool welcomed = false;
    uint32_t running = 0;  // attempts; for one that is away, those that still run for it
    uint32_t waiting = 0;  // that it would run besides
    bool silent = false;   // of a version that does not say so: it may want its part at any time
  };

  // One more, which holds nothing until it is dialled.
  void Add() { grants_.emplace_back(); }
  // It is gone, and those after it move up. REQUIRES: its connection is lost and nothing runs for it.
  void Remove(size_t index);
  // It is dialled: what Hello says. `states` as in Rebalance.
  uint32_t Dial(size_t index, const std::vector<State>& states);
  // Its connection is lost.
  void Lose(size_t index);
  // Moves slots to where they are needed. Returns the coordinators whose grant has changed.
  std::vector<size_t> Rebalance(const std::vector<State>& states, absl::Time now);
  // SlotsConfirmed.
  void Confirm(size_t index, uint32_t slots);

  // What the coordinator is told, and what it may use: the same but for one that has been lowered and has not confirmed.
  uint32_t told(size_t index) const { return grants_[index].told; }
  uint32_t usable(size_t index) const { return grants_[index].usable; }
  // Whether one coordinator has them all already, so that Rebalance has nothing to do as long as it is alone.
  bool IsWhole() const { return grants_.size() == 1 && grants_[0].told == slots_; }
  // When Rebalance has something to do although nothing else happens.
  absl::Time deadline() const;

 private:
  struct Grant {
    bool dialled = false;
    uint32_t told = 0;
    uint32_t usable = 0;
    absl::Time lowered = absl::InfiniteFuture();  // waits for its confirmation since then
  };

  uint32_t Free(const std::vector<State>& states) const;
  std::vector<uint32_t> Targets(const std::vector<State>& states) const;

  const uint32_t slots_;
  std::vector<Grant> grants_;
  std::vector<bool> welcomed_;  // as of the last Rebalance
  bool short_of_ =
      false;  // then there was less than wanted: the rest follows when something is confirmed
  bool freed_ = false;  // which has happened since
  absl::Time last_ = absl::InfinitePast();
  absl::Time due_ = absl::InfiniteFuture();  // when it may be done that was too early
};

}  // namespace moa::worker
