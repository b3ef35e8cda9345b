#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/strong_id.h"
#include "coordinator/engine/types.h"
#include "coordinator/scheduler/latency_model.h"
#include "coordinator/scheduler/quota_book.h"
#include "coordinator/scheduler/retry_budget.h"
#include "coordinator/scheduler/scheduling.h"

namespace moa {

// Decides which ready attempt runs next, where and when.
//
// Order: the tenant with the fewest running attempts first (the longest unserved among equals); of a
// tenant, the job with the fewest stages left, then the oldest job, then plan order: a job that is nearly
// done frees its memory and its watcher soonest. A model that no free worker offers delays only its own
// tasks. Of the workers whose key has quota for the call, the one with the most free slots takes it.
//
// Quota: a call is placed when its whole reservation fits (QuotaBook). One that has its turn and does not fit
// holds back all others of that quota, so that a large call is not overtaken for ever by small ones.
//
// Pure: no clock, no I/O, deterministic. Externally synchronised (the coordinator's loop). Bounded by its
// callers: as many queued attempts as live jobs have ready tasks.
class Scheduler {
 public:
  explicit Scheduler(SchedulerOptions options = {});

  // REQUIRES: `attempt.ref` is neither queued nor running.
  void Enqueue(ReadyAttempt attempt);
  // Takes a queued attempt out; false when it was not queued.
  bool Remove(const AttemptRef& ref);

  // A worker came, or its capacity changed. Attempts that it runs beyond lowered slots run on.
  void SetWorker(const WorkerId& worker, WorkerCapacity capacity);
  // The worker is gone; its slots go with it. Returns what was running there, which the caller finishes.
  std::vector<AttemptRef> RemoveWorker(const WorkerId& worker, absl::Time now);

  // An attempt that `worker` runs already (adopted after a reconnect) takes a slot and its reservation, even
  // beyond the limits. REQUIRES: `worker` is known, the attempt is neither queued nor running.
  void Adopt(const ReadyAttempt& attempt, const WorkerId& worker, absl::Time now);
  // A running attempt has ended: its slot is free, its reservation replaced by what it used. For a reply
  // that was accepted, `run` and `completion_tokens` say how long it took and was; else zero. False when it was
  // not running.
  bool Finish(const AttemptRef& ref, const CallEnd& end, absl::Duration run,
              uint64_t completion_tokens, absl::Time now);

  // Places as many queued attempts as fit now, best first, and marks them running.
  std::vector<Assignment> Assign(absl::Time now);
  // Running attempts that have become slow while a second call could be afforded, each named once.
  std::vector<AttemptRef> TakeSlow(absl::Time now);
  // Queued attempts whose model the provider has closed for all keys for longer than a few seconds, with the
  // time when it opens; each named once a closing.
  std::vector<std::pair<AttemptRef, absl::Time>> TakeClosed(absl::Time now);

  // When Assign or TakeSlow have something to do although nothing else happens, or InfiniteFuture. After Assign.
  absl::Time NextWakeUp() const;

  size_t queued() const { return queued_.size(); }
  size_t running() const { return running_.size(); }
  // When the oldest queued attempt was enqueued; InfiniteFuture when there is none.
  absl::Time oldest_enqueued() const;
  uint64_t slots_total() const { return slots_total_; }
  // Of workers that grade, and of what they run.
  struct Grading {
    uint64_t workers = 0;
    uint64_t slots = 0;
    uint64_t running = 0;
    friend bool operator==(const Grading&, const Grading&) = default;
  };
  const Grading& grading() const { return grading_; }
  // Where a running attempt runs; null when it is not running.
  const WorkerId* WorkerOf(const AttemptRef& ref) const;
  // The model that a running attempt asks, and what was estimated for its prompt; "" and 0 when it is not running.
  std::string ModelOf(const AttemptRef& ref) const;
  uint64_t PromptTokensOf(const AttemptRef& ref) const;
  // The tokens that a running attempt needs of its quota at the very least; 0 when it is not running. Asked
  // before Finish, which may learn of the limit.
  uint64_t LeastDemandOf(const AttemptRef& ref) const;
  // QuotaBook::LimitBelow.
  uint64_t LimitBelow(absl::string_view model, uint64_t tokens) const {
    return quotas_.LimitBelow(model, tokens);
  }
  uint32_t RunningOn(const WorkerId& worker) const;
  std::vector<QuotaView> Quotas(absl::Time now) const { return quotas_.Views(now); }
  // Quotas that are shared among replicas (quota_shares.h). A share, from 0 to kQuotaWhole, counts from now on;
  // afterwards Assign may have something to do. Limits that another replica knows are used where none is known.
  void SetShare(const QuotaKey& of, uint32_t share_ppm, absl::Time now, bool alone = false) {
    quotas_.SetShare(of, share_ppm, now, alone);
  }
  void LearnLimits(const QuotaKey& of, const QuotaLimits& limits, absl::Time now) {
    quotas_.LearnLimits(of, limits, now);
  }
  bool TakeShareWanted() { return quotas_.TakeShareWanted(); }
  // Of every quota known here, ordered by key; hedges not counted.
  std::vector<QuotaNeed> QuotaNeeds(absl::Time now) const;
  double retries_saved() const { return retries_.saved(); }
  // Attempts that are ready and wait, by model; hedges not counted.
  const absl::btree_map<std::string, size_t>& ready_by_model() const { return ready_of_; }

  // Aborts when the counts do not add up. For tests and simulations.
  void CheckInvariants() const;

 private:
  // Best first.
  using Key = std::tuple<uint32_t, absl::Time, AttemptRef>;  // stages_left, accepted_at, ref
  using Lane = std::pair<AttemptKind, std::string>;          // and model
  struct TenantQueue {
    absl::btree_map<Lane, absl::btree_set<Key>> lanes;
    uint32_t running = 0;
    uint64_t last_served = 0;
    size_t queued = 0;
  };
  // What is queued for a model, hedges not counted.
  struct Waiting {
    uint64_t tokens = 0;
    uint64_t calls = 0;
    absl::btree_map<uint64_t, uint64_t> by_tokens;  // how many calls of that size
  };
  // Workers that are alike in all but their slots: to find one for an attempt, or that there is none, costs as much as
  // there are groups, however many workers.
  struct Group {
    std::string key;
    std::vector<std::string> models;
    size_t workers = 0;
    absl::btree_set<std::pair<uint32_t, WorkerId>> by_free;  // free slots > 0 only
  };
  struct Worker {
    WorkerCapacity capacity;
    Group* group = nullptr;  // of groups_
    uint32_t running = 0;
    uint32_t free() const {
      return capacity.draining || running >= capacity.slots ? 0 : capacity.slots - running;
    }
  };
  struct Running {
    Tenant tenant;
    WorkerId worker;
    QuotaKey quota;
    QuotaBook::Hold hold;
    uint64_t prompt_tokens = 0;
    absl::Time slow_at = absl::InfiniteFuture();  // its entry in slow_
  };
  // Served first comes first: running, last_served, tenant.
  using Turn = std::tuple<uint32_t, uint64_t, Tenant>;
  // What one Assign has found out.
  struct Round {
    absl::Time now;
    absl::btree_set<QuotaKey> held_back;  // quotas whose turn is a call that does not fit
    // No worker takes a call of these any more: room only shrinks and what is held back stays so.
    absl::btree_set<std::string> blocked_models;
  };
  struct Pick {
    Key key;
    Lane lane;
    WorkerId worker;
  };

  void NoteQueued(const ReadyAttempt& attempt);
  void NoteUnqueued(const ReadyAttempt& attempt);
  void MakeReady(const ReadyAttempt& attempt);
  void MoveHeld(absl::Time now);
  // The worker for the attempt, or null: none is free, or its quota has no room (then noted in `round`).
  const WorkerId* PickWorker(const ReadyAttempt& attempt, Round& round);
  // Whether the lane's kind may be sent at all now.
  bool MaySend(const Lane& lane, absl::Time now);
  // Finds the best attempt of `queue` that some worker can take.
  bool PickAttempt(const TenantQueue& queue, Round& round, Pick* pick);
  void Place(const Pick& pick, TenantQueue& queue, absl::Time now);
  void Unqueue(TenantQueue& queue, const Lane& lane, const Key& key);
  void StartRunning(const ReadyAttempt& attempt, const WorkerId& worker, absl::Time now);
  void ForgetIfIdle(const Tenant& tenant);
  void SetFree(const WorkerId& id, Worker& worker, uint32_t running);
  // Takes the worker out of its group's free ones, and puts it in where it has free slots.
  void TakeOutFree(const WorkerId& id, const Worker& worker);
  void PutInFree(const WorkerId& id, const Worker& worker);
  void LeaveGroup(Worker& worker);
  void JoinGroup(Worker& worker);
  void SetSlowAt(const AttemptRef& ref, Running& running, absl::Time at);
  // `running`: by worker, as counted from what runs.
  void CheckWorkers(const absl::btree_map<WorkerId, uint32_t>& running) const;
  void WakeUpAt(absl::Time at) { blocked_until_ = std::min(blocked_until_, at); }

  const SchedulerOptions options_;
  absl::flat_hash_map<AttemptRef, ReadyAttempt> queued_;       // held ones included
  absl::btree_set<std::pair<absl::Time, AttemptRef>> by_age_;  // enqueued_at, of all queued
  absl::btree_set<std::pair<absl::Time, AttemptRef>> held_;    // not_before
  absl::btree_map<std::string, size_t> ready_of_;              // by model, hedges not counted
  absl::btree_map<std::string, Waiting> waiting_of_;           // by model
  absl::btree_map<Tenant, TenantQueue> tenants_;
  absl::btree_map<WorkerId, Worker> workers_;
  uint64_t slots_total_ = 0;
  Grading grading_;
  absl::btree_map<std::pair<std::string, std::vector<std::string>>, std::unique_ptr<Group>>
      groups_;  // by key and models
  // Of each group with a free slot the worker that has most.
  absl::btree_map<std::pair<uint32_t, WorkerId>, Group*> freest_;
  absl::flat_hash_map<AttemptRef, Running> running_;
  absl::btree_set<std::pair<absl::Time, AttemptRef>> slow_;  // when running ones become slow
  absl::btree_map<std::string, LatencyModel> latencies_;     // by model
  absl::btree_map<std::string, absl::Time>
      closings_told_;  // by model: until when, as TakeClosed told
  QuotaBook quotas_;
  RetryBudget retries_;
  RetryBudget hedges_;
  absl::Time blocked_until_ = absl::InfiniteFuture();  // as the last Assign found
  uint64_t serve_counter_ = 0;
};

}  // namespace moa
