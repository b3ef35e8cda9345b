#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/engine/types.h"
#include "coordinator/scheduler/quota_shares.h"
#include "tests/sim/disk.h"

namespace moa::sim {

struct World;

// A coordinator's membership, by the rules of docs/adr/0014: the lease of its process at the store, which it renews at
// a fifth of its length and counts from before each renewal was sent, by a monotonic clock of its own that runs a
// little fast or slow; declaring others dead; claiming jobs; and its shares of quotas. What it sends comes late,
// twice or not at all.
//
// Owner: the SimCoordinator. Not thread-safe.
class SimMember {
 public:
  static constexpr absl::Duration kLease = absl::Seconds(4);

  struct Callbacks {
    std::function<void()> dead;     // it was declared dead
    std::function<void()> ticked;   // time to look whether the lease is over
    std::function<void()> renewed;  // the lease goes on, perhaps after it was over
    // Jobs that are this member's in the store, claimed now or before.
    std::function<void(const std::vector<JobId>&)> owns;
    std::function<std::vector<QuotaNeed>()> needs;
    std::function<void(const QuotaShareAnswer::Shares&)> use;
    // Whatever a paused process does, it does later.
    std::function<void(std::function<void()>)> run;
  };

  // Joins: the store must be reachable. Whoever had the address before is declared dead.
  SimMember(World& world, Disk& disk, int address, Callbacks callbacks);
  ~SimMember();
  SimMember(const SimMember&) = delete;
  SimMember& operator=(const SimMember&) = delete;

  uint64_t epoch() const { return epoch_; }
  int address() const { return address_; }
  // The lease is over by the own clock: nothing is to be sent or answered.
  bool IsLeaseOver() const;

 private:
  absl::Duration Clock() const;  // since it joined
  void Plan();
  void Renew();
  void AtStore(absl::Duration sent);
  void BuryAtStore();
  std::vector<JobId> ClaimAtStore();
  void Renewed(absl::Duration sent);
  void ShareQuotas();
  void ShareAtStore(const std::vector<QuotaNeed>& needs);
  absl::Duration WayToStore();
  // A message from the store, unless it is lost.
  void Answer(std::function<void()> action);
  void After(absl::Duration delay, std::function<void()> action);

  World& world_;
  Disk& disk_;
  const int address_;
  const Callbacks callbacks_;
  const std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  // owners: this, what is planned
  uint64_t epoch_ = 0;
  absl::Time joined_;
  double rate_ = 1;                     // of its clock
  absl::Duration lease_over_at_{};      // by its clock
  QuotaShareAnswer::Shares lowered_{};  // as it pretends, with the defect
};

}  // namespace moa::sim
