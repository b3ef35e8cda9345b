#pragma once

#include <cstddef>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/base/strong_id.h"
#include "coordinator/engine/types.h"
#include "coordinator/runtime/worker_link.h"

namespace moa {

// What workers hold of coordinators that they have lost, until its jobs are owned here or the offer is over. Bounded: of
// further offers nothing is remembered, and their calls are made again.
//
// Owner: Coordinator. Loop thread only.
class OfferBook {
 public:
  static constexpr size_t kJobsMax = 100'000;

  struct Offer {
    WorkerId worker;
    HeldAttempt held;
  };

  void Add(const WorkerId& worker, HeldAttempt held);
  void Withdraw(const WorkerId& worker, const AttemptRef& ref);
  void DropAllOf(const WorkerId& worker);
  // All of one job, which are offers no more; in plan order.
  std::vector<Offer> Take(const JobId& job);

 private:
  absl::flat_hash_map<JobId, std::vector<Offer>> offers_;
};

}  // namespace moa
