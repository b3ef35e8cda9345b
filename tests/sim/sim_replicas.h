#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "coordinator/engine/types.h"
#include "coordinator/scheduler/quota_shares.h"
#include "tests/sim/disk.h"

namespace moa::sim {

struct World;

// coordinator/store/replica_store.h on the simulated disk, for one member: each method is one transaction, at the
// instant at which it comes to the store.
//
// A handle: copies are of the same member. Not thread-safe.
class SimReplicas {
 public:
  enum class Reply {
    kUnavailable,  // not done, or not heard of
    kOk,
    kAborted,  // the view is of the past
    kDead,     // this member was declared dead
  };
  struct Answer {
    Reply reply = Reply::kUnavailable;
    Cluster view{};
    std::vector<JobId> jobs{};
  };
  struct Change {
    std::vector<std::pair<uint64_t, uint64_t>> dead{};  // to declare: epochs and their renewals
    QuotaShareChange shares{};                          // this member's
  };

  // A new member. Its address is known from its first renewal on.
  SimReplicas(World& world, Disk& disk);

  uint64_t epoch() const { return epoch_; }

  Answer Renew(int address);
  // All of it or nothing; but a member that has renewed since it was seen, or whose group is being committed, is left
  // alone.
  Answer Apply(uint64_t version, const Change& change);
  // A few jobs that nobody owns, or whose owner is dead; and all that are this member's already, for the answer that
  // said so may have been lost. (The product's store names those of the same claim only.)
  Answer Claim();

 private:
  DiskMember& row() { return disk_->cluster.members.at(epoch_); }
  void DeclareDead(uint64_t epoch, uint64_t renewals);

  World* world_;
  Disk* disk_;
  uint64_t epoch_ = 0;
};

}  // namespace moa::sim
