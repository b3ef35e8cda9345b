// A worker among several coordinators: offers and grants.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fair_split.h"
#include "tests/sim/sim_worker.h"
#include "tests/sim/world.h"

namespace moa::sim {

void SimWorker::OfferTo(Link& link) {
  Offer offer;
  for (const auto& [ref, entry] : entries_) {
    const bool orphan = entry.orphan_since != absl::InfiniteFuture() && !entry.in_hello;
    if (orphan) offer.held.push_back({.ref = ref, .input_hash = entry.input_hash});
  }
  if (!offer.held.empty()) link.stream->SendToCoordinator(std::move(offer));
}

void SimWorker::OfferToAll() {
  for (Link& link : links_) {
    if (link.welcomed) OfferTo(link);
  }
}

void SimWorker::Withdraw(const AttemptRef& ref) {
  for (Link& link : links_) {
    if (link.welcomed) link.stream->SendToCoordinator(Offer{.withdrawn = {ref}});
  }
}

void SimWorker::On(Link& link, const Claim& claim) {
  for (const AttemptRef& ref : claim.refs) {
    const auto it = entries_.find(ref);
    const bool on_offer = it != entries_.end() &&
                          it->second.orphan_since != absl::InfiniteFuture() && !it->second.in_hello;
    world_.trace(name_, on_offer ? " gives the claimed " : " has no more the claimed ", Name(ref));
    if (!on_offer) {
      link.stream->SendToCoordinator(
          Finished{MakeFailure(ref, ErrorCode::kWorkerLost, true, "not on offer any more")});
      continue;
    }
    it->second.home = link.address;
    it->second.orphan_since = absl::InfiniteFuture();
    it->second.reported = false;
    Withdraw(ref);
  }
  Report();
}

// ------------------------------------------------------------------------------------------------
// Grants: never more together than there are slots; what is taken back counts until that is confirmed.

uint32_t SimWorker::FreeFor(const Link& link) const {
  uint32_t taken = 0;
  for (const Link& other : links_) {
    if (&other != &link) taken += other.counted;
  }
  return shape_.slots - std::min(taken, shape_.slots);
}

void SimWorker::Grant(Link& link, uint32_t slots) {
  if (slots == link.granted) return;
  link.granted = slots;
  link.counted = std::max(link.counted, slots);
  link.stream->SendToCoordinator(Status{slots, shape_.models, draining_});
}

void SimWorker::Regrant() {
  std::vector<Link*> connected;
  std::vector<uint64_t> needs;
  const auto size = static_cast<uint32_t>(links_.size());
  const uint32_t first = size > 1 ? world_.random.Below(size) : 0;
  for (uint32_t i = 0; i < size; ++i) {
    Link& link = links_[(first + i) % size];
    if (!link.welcomed) continue;
    connected.push_back(&link);
    uint64_t runs = 0;
    for (const auto& [ref, entry] : entries_) {
      runs += entry.home == link.address && !entry.finished ? 1 : 0;
    }
    needs.push_back(link.demand + runs);
  }
  const std::vector<uint64_t> parts = FairSplit(shape_.slots, needs);
  for (size_t i = 0; i < connected.size(); ++i) {
    const auto part = static_cast<uint32_t>(parts[i]);
    Link& link = *connected[i];
    Grant(link,
          part <= link.granted ? part : std::max(link.granted, std::min(part, FreeFor(link))));
  }
}

void SimWorker::On(Link& link, const SlotsConfirmed& confirmed) {
  if (confirmed.slots != link.granted) return;
  link.counted = link.granted;
  Regrant();
}

void SimWorker::On(Link& link, const Demand& demand) {
  link.demand = demand.waiting;
  Regrant();
}

}  // namespace moa::sim
