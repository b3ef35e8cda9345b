#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/engine/types.h"
#include "coordinator/replicas/member_watch.h"
#include "coordinator/scheduler/quota_shares.h"
#include "tests/sim/disk.h"
#include "tests/sim/sim_replicas.h"

namespace moa::sim {

struct World;

// A coordinator's membership: what coordinator/runtime/membership.h and quota_sharing.h do, in the same order, with the
// real MemberWatch and SplitQuotas. It asks the store one thing at a time: renews its lease, which counts from before
// that was sent; declares dead whom it has not seen renew, or settles its shares of quotas; claims jobs. An answer that
// does not come in time is not heard any more; what was asked may still be done, much later, even when the process is
// gone.
//
// It knows no time but that of a monotonic clock of its own, which runs faster than another by up to what MemberWatch
// allows for, and began at any time. A process that is paused sees it leap.
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

  // Joins: the store must be reachable.
  SimMember(World& world, Disk& disk, int address, Callbacks callbacks);
  ~SimMember();
  SimMember(const SimMember&) = delete;
  SimMember& operator=(const SimMember&) = delete;

  uint64_t epoch() const { return replicas_.epoch(); }
  int address() const { return address_; }
  // The lease is over by the own clock: nothing is to be sent or answered.
  bool IsLeaseOver() const;

 private:
  using Answer = SimReplicas::Answer;
  using Reply = SimReplicas::Reply;

  absl::Time Now() const;  // by its clock
  absl::Duration WayToStore();
  // `delay` by its clock.
  void After(absl::Duration delay, std::function<void()> action);
  // Not `then` when the answer is that it is dead.
  void Ask(std::function<Answer(SimReplicas&)> what, std::function<void(const Answer&)> then);

  void Tick();
  void Renewed(absl::Time sent, const Cluster& view);
  std::vector<uint64_t> Dead(const Cluster& view);
  void Bury(const Cluster& view, const std::vector<uint64_t>& dead);
  void Settle(const Cluster& view);
  QuotaShareInput QuotasIn(const Cluster& view) const;
  // Then its shares are published, or not.
  void Settled(Reply reply, const QuotaShareAnswer::Shares& use_after);
  void ClaimJobs();
  void EndTick();

  World& world_;
  const int address_;
  const Callbacks callbacks_;
  const std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  // owners: this, what is planned
  const absl::Time joined_;          // by no clock that it could read
  const absl::Time clock_began_;     // what its own said then
  const double rate_;                // of its clock
  SimReplicas replicas_;
  MemberWatch watch_;
  absl::Time lease_over_at_;
  absl::Time tick_began_;
  bool look_again_ = false;  // soon: the view was old, or others wait for what it gave up
  uint64_t question_ = 0;    // number of what was asked last
  QuotaShareAnswer::Shares lowered_{};  // as it pretends, with the defect
};

}  // namespace moa::sim
