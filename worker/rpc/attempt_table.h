#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "worker/upstream/completion.h"

namespace moa::worker {

// As moa.v1.AttemptRef: unique for ever.
struct AttemptRef {
  std::string job_id = "";
  uint32_t task_index = 0;
  uint32_t attempt = 0;
  uint64_t epoch = 0;

  friend auto operator<=>(const AttemptRef&, const AttemptRef&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const AttemptRef& ref) {
    return H::combine(std::move(state), ref.job_id, ref.task_index, ref.attempt, ref.epoch);
  }
};

// How an attempt ended, as it is told to the coordinator. Immutable once made.
struct FinishedAttempt {
  AttemptRef ref;
  std::string input_hash;
  upstream::CallResult result;

  size_t bytes() const;  // of its texts, for limits
};
// Owners: the table, while the result is held, and whoever is just writing it out.
using FinishedPtr = std::shared_ptr<const FinishedAttempt>;

// An outcome that no call to the provider stands behind: refused, handed back.
upstream::CallResult MakeErrorResult(upstream::ErrorCode code, absl::string_view message,
                                     bool retryable);

// What a worker holds of one coordinator: the attempts that run and the results that are not known to be
// durable. It is the worker's half of worker.proto's rules 1 to 4, without threads, sockets or clocks: it
// is told what happened and answers what to send and which calls to close.
//
// An attempt is here from Admit (or Adopt) until one of: its result is durable; it was reported as cancelled or lost
// (nobody stores those); Welcome does not keep it; another coordinator claims it; the orphan limit; the limits on held
// results.
//
// Invariants: Admit starts none beyond the slots; on one connection an attempt is reported at most once; keys are never
// reused.
//
// Owner: a Session. Externally synchronised.
class AttemptTable {
 public:
  struct Limits {
    uint32_t slots = 64;  // until SetSlots
    // Results kept for a coordinator that does not confirm them, or is away; beyond, the oldest go (their
    // calls are then made again). They keep a worker's memory bounded over a long outage, and Hello, which
    // carries them all, below the largest message.
    size_t held_results_max = 4096;
    size_t held_bytes_max = 32 << 20;
    // Calls go on so long without a coordinator; then they are closed, as nobody may want them any more. What Welcome
    // called undecided goes after so long, results too.
    absl::Duration orphan_limit = absl::Seconds(60);
  };
  using Key = uint64_t;  // of an attempt in this process; 0 is none

  explicit AttemptTable(const Limits& limits) : limits_(limits), slots_(limits.slots) {}

  // RunTask. `*key` gets the attempt's key after kStart. After kRefused its WORKER_LOST outcome waits in
  // TakeUnreported; a kDuplicate (it runs, or its result is held) is dropped.
  enum class Verdict { kStart, kDuplicate, kRefused };
  Verdict Admit(const AttemptRef& ref, std::string input_hash, Key* key);
  // Ends an attempt whose call ended, or that could not be started. Unknown keys (forgotten meanwhile) and
  // ended attempts: false, nothing happens.
  bool Finish(Key key, upstream::CallResult result);
  // Whether it is here, running or with its result.
  bool Has(const AttemptRef& ref) const { return keys_.contains(ref); }
  // The running attempt's key; 0 when it does not run here.
  Key FindRunning(const AttemptRef& ref) const;
  // ResultsDurable: forget the result.
  void MarkDurable(const AttemptRef& ref);

  // From now on Admit refuses.
  void StartDraining() { draining_ = true; }
  // Ends every running attempt as WORKER_LOST, for the coordinator to give to others. Returns the calls to
  // close.
  std::vector<Key> HandBack();

  // A new connection begins: what Hello names. `finished` is null for what runs.
  struct Held {
    AttemptRef ref;
    std::string input_hash;
    FinishedPtr finished;
  };
  std::vector<Held> BeginConnection();
  // Welcome: whatever BeginConnection named and neither list does is forgotten. Returns the calls to close.
  std::vector<Key> Welcomed(const std::vector<AttemptRef>& keep,
                            const std::vector<AttemptRef>& undecided, absl::Time now);
  void LoseConnection(absl::Time now);
  // Without a connection since the orphan limit: returns the calls to close. Results stay, but for undecided ones.
  std::vector<Key> ExpireOrphans(absl::Time now);

  // What other coordinators may have: all there is while this one has not welcomed the worker; else what it has called
  // undecided, which it may have itself.
  std::vector<Held> OnOffer() const;
  // Changes whenever OnOffer may.
  uint64_t offer_version() const { return offer_version_; }
  // An attempt that leaves for another table. The key is the call's when it runs, else 0.
  struct Moved {
    Held held;
    Key key = 0;
  };
  // Takes out what is on offer; nothing when it is not.
  std::optional<Moved> TakeOffered(const AttemptRef& ref);
  // An attempt taken out elsewhere goes on here, running or with its result to be reported (without a connection: by the
  // next Hello). It may be one more than there are slots. REQUIRES: not here.
  Key Adopt(Held held);
  // This coordinator claims an attempt that is here already: false when there is none.
  bool Claim(const AttemptRef& ref);
  // It claims what is not to be had: answered with WORKER_LOST.
  void RefuseClaim(const AttemptRef& ref);
  void SetSlots(uint32_t slots) { slots_ = slots; }
  // When ExpireOrphans has something to do; InfiniteFuture while connected or nothing runs.
  absl::Time orphan_deadline() const;

  // The next results to report on this connection, in the order in which the attempts were admitted, until
  // they hold `bytes_max` (at least one). They count as reported. REQUIRES: welcomed.
  std::vector<FinishedPtr> TakeUnreported(size_t bytes_max);

  size_t running() const { return running_; }
  bool has_unreported() const { return !unreported_.empty(); }
  size_t held_results() const { return entries_.size() - running_; }
  uint32_t slots() const { return slots_; }
  bool draining() const { return draining_; }
  size_t dropped_results() const { return dropped_results_; }  // by the limits, ever

  // Aborts when an invariant is broken; for tests.
  void CheckInvariants() const;

 private:
  struct Entry {
    AttemptRef ref;
    std::string input_hash;
    FinishedPtr finished;   // null while running
    bool in_hello = false;  // named by the connection's Hello; Welcome decides on it
    bool undecided = false;
    absl::Time undecided_since = absl::InfiniteFuture();
  };
  using Entries = std::map<Key, Entry>;  // ordered: Hello and reports come in order of admission

  Key Insert(const AttemptRef& ref, std::string input_hash);
  void Erase(Entries::iterator it);
  void DropBeyondLimits();

  bool IsOffered(const Entry& entry) const { return !welcomed_ || entry.undecided; }
  absl::Time OrphanedSince(const Entry& entry) const;

  const Limits limits_;
  uint32_t slots_;
  Entries entries_;
  absl::flat_hash_map<AttemptRef, Key> keys_;
  // Ended and not yet reported on this connection (or, without one, on the last).
  std::map<Key, FinishedPtr> unreported_;
  size_t running_ = 0;
  size_t held_bytes_ = 0;
  size_t dropped_results_ = 0;
  Key next_key_ = 1;
  bool connected_ = false;  // from Hello on
  bool welcomed_ = false;
  size_t undecided_ = 0;
  uint64_t offer_version_ = 0;
  bool draining_ = false;
  absl::Time lost_time_ =
      absl::InfiniteFuture();  // since when there is no coordinator; infinite while there is one
};

}  // namespace moa::worker
