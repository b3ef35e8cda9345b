#include "worker/rpc/slot_grants.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/fair_split.h"

namespace moa::worker {

uint32_t SlotGrants::Free(const std::vector<State>& states) const {
  uint32_t used = 0;
  for (size_t i = 0; i < grants_.size(); ++i)
    used += std::max(grants_[i].usable, states[i].running);
  return used >= slots_ ? 0 : slots_ - used;
}

void SlotGrants::Remove(size_t index) {
  MOA_CHECK(grants_[index].usable == 0);
  grants_.erase(grants_.begin() + static_cast<ptrdiff_t>(index));
}

uint32_t SlotGrants::Dial(size_t index, const std::vector<State>& states) {
  Grant& grant = grants_[index];
  grant = {.dialled = true};
  const uint32_t first = grants_.size() == 1 ? slots_ : 1;
  // What runs for it keeps its slots.
  grant.told = grant.usable = std::min(first, Free(states) + states[index].running);
  return grant.told;
}

void SlotGrants::Lose(size_t index) { grants_[index] = {}; }

void SlotGrants::Confirm(size_t index, uint32_t slots) {
  Grant& grant = grants_[index];
  if (slots != grant.told) return;  // an answer to an earlier one
  grant.usable = grant.told;
  grant.lowered = absl::InfiniteFuture();
  freed_ = true;
}

std::vector<uint32_t> SlotGrants::Targets(const std::vector<State>& states) const {
  uint32_t away = 0;  // runs for those that are not there
  std::vector<uint64_t> needs;
  // Each has one to begin with, unless there are not enough: then who is idle must not keep one from who is not.
  const uint32_t least = states.size() <= slots_ ? 1 : 0;
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i].welcomed) needs.push_back(std::max(least, states[i].running + states[i].waiting));
    if (!states[i].welcomed) away += std::max(states[i].running, grants_[i].usable);
  }
  const std::vector<uint64_t> split = FairSplit(slots_ > away ? slots_ - away : 0, needs);
  std::vector<uint32_t> targets(states.size(), 0);
  size_t next = 0;
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i].welcomed) targets[i] = static_cast<uint32_t>(split[next++]);
  }
  return targets;
}

std::vector<size_t> SlotGrants::Rebalance(const std::vector<State>& states, absl::Time now) {
  for (Grant& grant : grants_) {
    if (now < grant.lowered + kConfirmTimeout) continue;
    grant.usable = grant.told;
    grant.lowered = absl::InfiniteFuture();
    freed_ = true;
  }
  std::vector<bool> welcomed;
  for (const State& state : states) welcomed.push_back(state.welcomed);
  const bool at_once = welcomed != welcomed_ || (short_of_ && freed_);
  const std::vector<uint32_t> targets = Targets(states);
  // A coordinator of a version that tells no demand gets what is free all the same.
  const bool is_free = Free(states) > 0;
  bool wanted = at_once;
  for (size_t i = 0; i < states.size(); ++i) {
    const bool needs = states[i].waiting > 0 || states[i].silent || is_free;
    wanted = wanted || (states[i].welcomed && needs && targets[i] > grants_[i].told);
  }
  std::vector<size_t> changed;
  const bool early = !at_once && now < last_ + kRebalanceInterval;
  due_ = wanted && early ? last_ + kRebalanceInterval : absl::InfiniteFuture();
  if (!wanted || early) return changed;
  welcomed_ = std::move(welcomed);
  last_ = now;
  short_of_ = freed_ = false;
  for (size_t i = 0; i < states.size(); ++i) {
    Grant& grant = grants_[i];
    if (!states[i].welcomed || targets[i] >= grant.told) continue;
    grant.told = targets[i];
    grant.lowered = now;
    changed.push_back(i);
  }
  uint32_t free = Free(states);
  for (size_t i = 0; i < states.size(); ++i) {
    Grant& grant = grants_[i];
    // One that has not confirmed a lower grant is raised once it has.
    if (!states[i].welcomed || targets[i] <= grant.told) continue;
    short_of_ = short_of_ || grant.usable != grant.told;
    if (grant.usable != grant.told) continue;
    const uint32_t runs_beyond = std::max(grant.usable, states[i].running) - grant.usable;
    const uint32_t more = std::min(targets[i] - grant.told, free + runs_beyond);
    short_of_ = short_of_ || more < targets[i] - grant.told;
    if (more == 0) continue;
    free -= std::min(free, more > runs_beyond ? more - runs_beyond : 0);
    grant.told += more;
    grant.usable = grant.told;
    changed.push_back(i);
  }
  return changed;
}

absl::Time SlotGrants::deadline() const {
  absl::Time next = due_;
  for (const Grant& grant : grants_) next = std::min(next, grant.lowered + kConfirmTimeout);
  return next;
}

}  // namespace moa::worker
