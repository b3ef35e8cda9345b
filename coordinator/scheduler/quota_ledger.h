#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "coordinator/scheduler/quota.h"
#include "coordinator/scheduler/quota_bucket.h"

namespace moa {

// One quota as this coordinator knows it: what may be sent now without being refused. Requests, tokens not
// served from the prompt cache, and all tokens, each by minute, hour and day. A call is reserved with an
// estimate of its tokens and corrected by what it used, as the provider does it.
//
//   if (ledger.FitsAt(tokens, now) <= now) reservation = ledger.Reserve(tokens, now);
//   … the call ends …
//   ledger.Learn(reservation, headers, now);
//   ledger.Settle(reservation, used, now);       // or Refused: it was turned away
//
// Every reservation is settled exactly once. Value type, pure, externally synchronised.
class QuotaLedger {
 public:
  // What a call took, to be handed back with its end.
  struct Reservation {
    uint64_t tokens = 0;
    double others = 0;         // calls under way when it was reserved
    double others_tokens = 0;  // and their reservations
    std::array<QuotaBucket::Snapshot, kQuotaPeriods> requests{};
    std::array<QuotaBucket::Snapshot, kQuotaPeriods> uncached{};
    std::array<QuotaBucket::Snapshot, kQuotaPeriods> total{};
    friend bool operator==(const Reservation&, const Reservation&) = default;
  };
  // Tokens that the provider counted, or is taken to have counted.
  struct Used {
    uint64_t uncached = 0;
    uint64_t total = 0;
  };

  // `share_ppm`: of the whole quota, what may be used here; a configured one starts full.
  explicit QuotaLedger(const QuotaLimits& configured = {}, uint32_t share_ppm = kQuotaWhole);

  // From now on. Nothing fits a share of 0, unless no limit is known. `alone`: there is no other replica.
  //
  // It is the minute's buckets that are split. Of an hour's and a day's each replica has a copy of the whole, for the
  // replies tell what is left of it, and counts on what the others cannot take meanwhile: they never take more at once
  // than their share of a minute's limit, nor of what is left.
  void SetShare(uint32_t share_ppm, absl::Time now, bool alone = false);
  // Limits as another replica knows them; nothing happens where any is known here.
  void LearnLimits(const QuotaLimits& limits, absl::Time now);

  // When a call of `tokens` may be sent; `now` at the earliest. Not while the ledger is closed.
  absl::Time FitsAt(uint64_t tokens, absl::Time now) const;
  Reservation Reserve(uint64_t tokens, absl::Time now);
  void Settle(const Reservation& reservation, const Used& used, absl::Time now);
  // Refused before processing: all is given back. Closed until the provider's time (at least a moment), or for a
  // second where it gave none. What was short is so in our copy from then on; kNothing: the provider was busy.
  enum class Short { kNothing, kRequests, kTokens };
  void Refused(const Reservation& reservation, std::optional<absl::Duration> retry_after,
               Short what, absl::Time now);
  // The headers of the call's reply. Before Settle.
  void Learn(const Reservation& reservation, const RateLimits& headers, absl::Time now);

  // The smallest known limit on tokens that a call of `tokens` exceeds: it can never be let in. 0: none.
  uint64_t LimitBelow(uint64_t tokens) const;
  // The smallest share of the minute's buckets that holds a call of `tokens`, of which what exceeds the limit waits for
  // the whole. 0 when no limit is known.
  uint32_t LeastShare(uint64_t tokens) const;
  // How long one has to have the whole quota until a call of `tokens` fits.
  absl::Duration WholeFor(uint64_t tokens, absl::Time now) const;
  // What part of what the limits allow in a minute the calls and tokens are, the larger part; 0 when none is known.
  double PartOfMinute(double calls, double tokens) const;

  // What is left of this share of the minute's buckets, as a part of it, the least; 1 when nothing is known.
  double Headroom(absl::Time now) const;

  bool known() const;  // any limit
  QuotaLimits limits() const;
  uint32_t share_ppm() const { return share_ppm_; }
  absl::Time closed_until() const { return closed_until_; }
  uint64_t reserved_tokens() const { return reserved_tokens_; }
  uint64_t reserved_requests() const { return reserved_requests_; }
  const QuotaBucket& requests(QuotaPeriod period) const { return requests_[Index(period)]; }
  const QuotaBucket& uncached(QuotaPeriod period) const { return uncached_[Index(period)]; }
  const QuotaBucket& total(QuotaPeriod period) const { return total_[Index(period)]; }

 private:
  using Buckets = std::array<QuotaBucket, kQuotaPeriods>;
  static size_t Index(QuotaPeriod period) { return static_cast<size_t>(period); }
  absl::Time FitsAt(const Buckets& buckets, double amount, absl::Time now) const;
  void LearnHeaders(const RateLimits& headers, uint64_t own_tokens, absl::Time now);
  void Return(const Reservation& reservation);

  uint32_t share_ppm_ = kQuotaWhole;
  Buckets requests_;
  Buckets uncached_;
  Buckets total_;
  std::array<bool, kQuotaPeriods> total_configured_{};
  // The period's header of remaining tokens was seen to count cached ones too.
  std::array<bool, kQuotaPeriods> reports_total_{};
  absl::Time closed_until_ = absl::InfinitePast();
  uint64_t reserved_tokens_ = 0;
  uint64_t reserved_requests_ = 0;
};

}  // namespace moa
