#include "coordinator/runtime/offer_book.h"

#include <algorithm>
#include <utility>

namespace moa {

void OfferBook::Add(const WorkerId& worker, HeldAttempt held) {
  if (offers_.size() >= kJobsMax && !offers_.contains(held.ref.job)) return;
  offers_[held.ref.job].push_back({.worker = worker, .held = std::move(held)});
}

void OfferBook::Withdraw(const WorkerId& worker, const AttemptRef& ref) {
  const auto it = offers_.find(ref.job);
  if (it == offers_.end()) return;
  std::erase_if(it->second, [&](const Offer& offer) {
    return offer.worker == worker && offer.held.ref == ref;
  });
  if (it->second.empty()) offers_.erase(it);
}

void OfferBook::DropAllOf(const WorkerId& worker) {
  for (auto it = offers_.begin(); it != offers_.end();) {
    std::erase_if(it->second, [&](const Offer& offer) { return offer.worker == worker; });
    const auto current = it++;
    if (current->second.empty()) offers_.erase(current);
  }
}

std::vector<OfferBook::Offer> OfferBook::Take(const JobId& job) {
  const auto it = offers_.find(job);
  if (it == offers_.end()) return {};
  std::vector<Offer> offers = std::move(it->second);
  offers_.erase(it);
  std::sort(offers.begin(), offers.end(),
            [](const Offer& a, const Offer& b) { return a.held.ref < b.held.ref; });
  return offers;
}

}  // namespace moa
