#pragma once

#include <cstddef>
#include <cstdint>
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

namespace moa {

// An attempt that may run as soon as there is room for it.
struct ReadyAttempt {
  AttemptRef ref;
  Tenant tenant;
  std::string model;
  uint32_t stages_left = 0;  // of its job, its own stage included
  absl::Time accepted_at;    // of its job
  absl::Time enqueued_at;
  // Not before this time: leaves a worker that may still hold the call the time to come back.
  absl::Time not_before = absl::InfinitePast();
};

// What a worker can take.
struct WorkerCapacity {
  uint32_t slots = 0;
  std::vector<std::string> models;  // empty: not known, taken for all
  bool draining = false;            // gets nothing new
};

struct Assignment {
  AttemptRef ref;
  WorkerId worker;
};

// Decides which ready attempt runs next and where.
//
// Order: the tenant with the fewest running attempts first (the longest unserved among equals); of a
// tenant, the job with the fewest stages left, then the oldest job, then plan order: a job that is nearly
// done frees its memory and its watcher soonest. A model that no free worker offers delays only its own
// tasks. The worker with the most free slots takes the attempt.
//
// Pure: no clock, no I/O, deterministic. Externally synchronised (the coordinator's loop). Bounded by its
// callers: as many queued attempts as live jobs have ready tasks.
class Scheduler {
 public:
  // REQUIRES: `attempt.ref` is neither queued nor running.
  void Enqueue(ReadyAttempt attempt);
  // Takes a queued attempt out; false when it was not queued.
  bool Remove(const AttemptRef& ref);

  // A worker came, or its capacity changed. Attempts that it runs beyond lowered slots run on.
  void SetWorker(const WorkerId& worker, WorkerCapacity capacity);
  // The worker is gone; its slots go with it. Returns what was running there, which the caller finishes.
  std::vector<AttemptRef> RemoveWorker(const WorkerId& worker);

  // An attempt that `worker` runs already (adopted after a reconnect) takes a slot, even beyond the limit.
  // REQUIRES: `worker` is known, the attempt is neither queued nor running.
  void Adopt(const AttemptRef& ref, const Tenant& tenant, const WorkerId& worker);
  // A running attempt has ended: its slot is free. False when it was not running.
  bool Finish(const AttemptRef& ref);

  // Places as many queued attempts as fit now, best first, and marks them running.
  std::vector<Assignment> Assign(absl::Time now);

  // When an attempt whose `not_before` lies ahead becomes ready, or InfiniteFuture.
  absl::Time NextReady() const;

  size_t queued() const { return queued_.size(); }
  size_t running() const { return running_.size(); }
  // When the oldest queued attempt was enqueued; InfiniteFuture when there is none.
  absl::Time oldest_enqueued() const;
  uint64_t slots_total() const;
  // Where a running attempt runs; null when it is not running.
  const WorkerId* WorkerOf(const AttemptRef& ref) const;
  uint32_t RunningOn(const WorkerId& worker) const;

  // Aborts when the counts do not add up. For tests and simulations.
  void CheckInvariants() const;

 private:
  // Best first.
  using Key = std::tuple<uint32_t, absl::Time, AttemptRef>;  // stages_left, accepted_at, ref
  struct TenantQueue {
    absl::btree_map<std::string, absl::btree_set<Key>> by_model;
    uint32_t running = 0;
    uint64_t last_served = 0;
    size_t queued = 0;
  };
  struct Worker {
    WorkerCapacity capacity;
    uint32_t running = 0;
    uint32_t free() const {
      return capacity.draining || running >= capacity.slots ? 0 : capacity.slots - running;
    }
  };
  struct Running {
    Tenant tenant;
    WorkerId worker;
  };
  // Served first comes first: running, last_served, tenant.
  using Turn = std::tuple<uint32_t, uint64_t, Tenant>;

  void MakeReady(const ReadyAttempt& attempt);
  void MoveHeld(absl::Time now);
  const WorkerId* PickWorker(absl::string_view model) const;
  // Finds the best attempt of `queue` that some worker can take.
  bool PickAttempt(const TenantQueue& queue, Key* key, std::string* model, WorkerId* worker) const;
  void ForgetIfIdle(const Tenant& tenant);
  void SetFree(const WorkerId& id, Worker& worker, uint32_t running);

  absl::flat_hash_map<AttemptRef, ReadyAttempt> queued_;       // held ones included
  absl::btree_set<std::pair<absl::Time, AttemptRef>> by_age_;  // enqueued_at, of all queued
  absl::btree_set<std::pair<absl::Time, AttemptRef>> held_;    // not_before
  absl::btree_map<Tenant, TenantQueue> tenants_;
  absl::btree_map<WorkerId, Worker> workers_;
  absl::btree_set<std::pair<uint32_t, WorkerId>> by_free_;  // free slots > 0 only
  absl::flat_hash_map<AttemptRef, Running> running_;
  uint64_t serve_counter_ = 0;
};

}  // namespace moa
