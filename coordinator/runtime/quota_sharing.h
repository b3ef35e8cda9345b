#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/runtime/coordinator.h"
#include "coordinator/store/replica_store.h"

namespace moa {

// Settles this coordinator's shares of the quotas with the other members: applies coordinator/scheduler/quota_shares.h
// to what the store says, in its order: a lower share is used before it is published, a higher one afterwards.
//
// Owner: a Membership. Its thread only; blocks.
class QuotaSharing {
 public:
  // Both are borrowed for this object's life.
  QuotaSharing(Coordinator& coordinator, ReplicaStore& replicas, uint64_t me)
      : coordinator_(coordinator), replicas_(replicas), me_(me) {}

  // ABORTED: the view was of the past. `again` says that others wait for what was given up: settle again at once.
  absl::Status Settle(const ClusterView& view, bool* again);

 private:
  Coordinator& coordinator_;
  ReplicaStore& replicas_;
  const uint64_t me_;
};

}  // namespace moa
