#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/loop/loop.h"
#include "coordinator/replicas/member_watch.h"
#include "coordinator/runtime/coordinator.h"
#include "coordinator/runtime/membership_observer.h"
#include "coordinator/runtime/quota_sharing.h"
#include "coordinator/store/replica_store.h"

namespace moa {

// A coordinator's place among those that share its store (docs/adr/0014): renews its lease, declares dead whose lease is
// over, claims the jobs of the dead, and evens out the load. Blocks on the store, so it has a thread of its own.
//
// Owner: main; started once the coordinator's server listens, and destroyed before the coordinator. Thread-safe.
class Membership {
 public:
  struct Options {
    uint64_t epoch = 0;
    std::string address;  // where the others reach this coordinator
    // So long a coordinator may act for its jobs without reaching the store; and so long its jobs wait when it has
    // died. Of all coordinators of a store the same.
    absl::Duration lease = absl::Seconds(10);
    // Unfinished jobs that are claimed and read at once: bounds the memory that they take on the way.
    size_t claim_max = 500;
    MembershipObserver* observer = nullptr;  // borrowed; null: nobody is told
  };

  // `coordinator` and `replicas` are borrowed for this object's life. `deposed` is called once, on the membership's
  // thread, when this coordinator was declared dead: it must end.
  Membership(Coordinator& coordinator, ReplicaStore& replicas, Options options,
             std::function<void(const absl::Status&)> deposed);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // Renews for the first time and begins. Blocks; the store's error.
  absl::Status Start();

  // After the coordinator has begun to drain: gives its jobs away as they fall idle, and claims none.
  void StartLeaving();
  // After the last write: what is left is free for the others at once. Blocks.
  absl::Status Leave();

 private:
  // The next tick, or sooner: a call waits for a share of its quota.
  void HurryUp() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  absl::Status Renew() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void Tick() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void TickAt(absl::Time when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  // Whether there was one: then the view is of the past.
  bool Bury(const ClusterView& view, const std::vector<uint64_t>& dead)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  // `more`: there are further ones.
  absl::Status ClaimJobs(bool* more) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void GiveAway(size_t limit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void ReleaseGiven() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void Depose(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void Tell(absl::FunctionRef<void(MembershipObserver&)> what) {
    if (options_.observer != nullptr) what(*options_.observer);
  }
  absl::Duration interval() const { return options_.lease / 5; }
  absl::Duration pause() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);

  Coordinator& coordinator_;
  ReplicaStore& replicas_;
  const Options options_;
  const std::function<void(const absl::Status&)> deposed_;

  Loop loop_;
  QuotaSharing quotas_ ABSL_GUARDED_BY(loop_);
  Loop::TimerId timer_ ABSL_GUARDED_BY(loop_) = 0;
  absl::Time next_tick_ ABSL_GUARDED_BY(loop_) = absl::InfinitePast();
  absl::Time last_tick_ ABSL_GUARDED_BY(loop_) = absl::InfinitePast();
  bool settle_again_ ABSL_GUARDED_BY(loop_) =
      false;  // others wait for what was given up, or the view was old
  bool has_company_ ABSL_GUARDED_BY(loop_) = false;
  MemberWatch watch_ ABSL_GUARDED_BY(loop_);
  std::vector<JobId> given_ ABSL_GUARDED_BY(loop_);  // to be released
  uint64_t dead_members_ ABSL_GUARDED_BY(loop_) = 0;
  absl::Time claim_from_ ABSL_GUARDED_BY(loop_) = absl::InfinitePast();
  bool leaving_ ABSL_GUARDED_BY(loop_) = false;
  bool over_ ABSL_GUARDED_BY(loop_) = false;
  bool was_away_ ABSL_GUARDED_BY(loop_) = false;
};

}  // namespace moa
