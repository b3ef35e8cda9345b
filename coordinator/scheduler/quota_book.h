#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/scheduler/quota.h"
#include "coordinator/scheduler/quota_ledger.h"
#include "coordinator/scheduler/storm_gate.h"

namespace moa {

// Limits that an operator sets. The provider's headers replace those that they name.
struct QuotaRule {
  std::string key = "*";    // a key's fingerprint, or any
  std::string model = "*";  // a model, or any
  QuotaLimits limits{};
  uint32_t concurrent_max = 0;  // calls at once; 0: no bound
};

// What a quota holds, for people and metrics.
struct QuotaView {
  QuotaKey of{};
  QuotaLimits limits{};              // as known now; minute, hour, day
  QuotaLimits remaining{};           // never below zero
  uint32_t share_ppm = kQuotaWhole;  // of it, that may be used here; `remaining` is of the share
  uint64_t reserved_requests = 0;    // calls under way
  uint64_t reserved_tokens = 0;
  double window = 0;   // calls at once while the provider is busy; 0: no bound
  bool storm = false;  // only probes are sent
  absl::Time closed_until = absl::InfinitePast();  // as the provider told
};

// How a call that was sent has ended, as far as quotas are concerned.
struct CallEnd {
  enum class Kind {
    kProcessed,     // answered, or failed after the provider had taken it up
    kQuotaRefused,  // 429 for a limit
    kBusy,          // 429 for a full queue
    kDropped,       // no answer: cancelled, or lost with its worker
  };
  Kind kind = Kind::kProcessed;
  QuotaLedger::Used used{};  // kProcessed, kDropped
  std::optional<absl::Duration> retry_after{};
  bool tokens_short = false;  // kQuotaRefused: of tokens, not of requests
  RateLimits headers{};
  uint64_t random = 0;  // spreads pauses
};

// What is queued for a model: with what is under way, what a replica needs of its quotas.
struct QuotaDemand {
  uint64_t calls = 0;
  uint64_t tokens = 0;
  uint64_t largest_tokens = 0;  // of one call
};

// All quotas: for each organisation's key and model a ledger and a gate. A call may be sent when both let it.
// Until a first reply has told what the limits are, calls go out a few at a time, more every moment: a burst into
// the unknown would be refused for the most part.
//
// Pure, externally synchronised. Bounded: at most 4,096 quotas; of further models there is no record and no limit.
class QuotaBook {
 public:
  struct Quota {
    QuotaLedger ledger;
    StormGate gate;
    uint32_t concurrent_max = 0;  // of all replicas
    // What was used lately, older use counting less and less: what half a minute's use is at this rate.
    double used_calls = 0;
    double used_tokens = 0;
    absl::Time used_at = absl::InfinitePast();
    bool is_known = false;  // a limit is configured, or a reply has told what there is to tell
    absl::Time first_sent = absl::InfiniteFuture();
  };
  // What a call holds from being sent to its end.
  struct Hold {
    Quota* quota = nullptr;  // of this book, stable; null: not counted
    QuotaLedger::Reservation reservation{};
    uint64_t round = 0;
  };

  // `share_ppm`: of each quota, until SetShare.
  explicit QuotaBook(std::vector<QuotaRule> rules = {}, uint32_t share_ppm = kQuotaWhole)
      : rules_(std::move(rules)), share_ppm_initial_(share_ppm) {}
  QuotaBook(const QuotaBook&) = delete;
  QuotaBook& operator=(const QuotaBook&) = delete;

  // When a call of `tokens` may be sent; `now` when it may, InfiniteFuture when some call must end first.
  absl::Time FitsAt(const QuotaKey& of, uint64_t tokens, absl::Time now);
  // Counts a call that is sent, whether it fits or not (an adopted one is under way already).
  Hold Send(const QuotaKey& of, uint64_t tokens, absl::Time now);
  void End(const Hold& hold, const CallEnd& end, absl::Time now);

  // The largest limit that a call of `tokens` to the model exceeds under every key used so far: it can
  // never be let in. 0: some quota may hold it.
  uint64_t LimitBelow(absl::string_view model, uint64_t tokens) const;

  // What replicas settle among each other (quota_shares.h): the part of a quota that may be used here, and limits
  // that another has learned, which count where none is known. When this is `alone`, without another replica, a
  // quota of which nothing was used yet counts as untouched, as it does for a coordinator that shares none.
  void SetShare(const QuotaKey& of, uint32_t share_ppm, absl::Time now, bool alone = false);
  void LearnLimits(const QuotaKey& of, const QuotaLimits& limits, absl::Time now);
  // Whether a call was held back since this was last asked because nothing of its quota may be used here.
  bool TakeShareWanted() { return std::exchange(share_wanted_, false); }
  // Of each quota, given what is queued by model.
  std::vector<QuotaNeed> Needs(const absl::btree_map<std::string, QuotaDemand>& queued,
                               absl::Time now) const;

  // True while there is plenty: for calls that are only nice to have.
  bool HasPlenty(const QuotaKey& of, absl::Time now);
  // Until when the provider has closed it; InfinitePast when it is open.
  absl::Time ClosedUntil(const QuotaKey& of) const;

  std::vector<QuotaView> Views(absl::Time now) const;

 private:
  Quota* Find(const QuotaKey& of);
  static void NoteUse(Quota& quota, double calls, double tokens, absl::Time now);
  static void AddDemand(const Quota& quota, const QuotaDemand& queued, absl::Time now,
                        QuotaNeed& need);
  const QuotaRule* RuleFor(const QuotaKey& of) const;

  const std::vector<QuotaRule> rules_;
  const uint32_t share_ppm_initial_;
  bool share_wanted_ = false;
  absl::btree_map<QuotaKey, std::unique_ptr<Quota>> quotas_;
};

}  // namespace moa
