#include "coordinator/scheduler/quota_ledger.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"

namespace moa {
namespace {

constexpr absl::Duration kLengths[kQuotaPeriods] = {absl::Minutes(1), absl::Hours(1),
                                                    absl::Hours(24)};
// What the provider's bucket of all tokens usually is of the one of uncached tokens.
constexpr double kTotalFactor = 3;
// Two clocks, and a header in whole seconds: a moment later rather than earlier.
constexpr absl::Duration kReopenMargin = absl::Milliseconds(20);
// A refusal that names no time.
constexpr absl::Duration kClosedUntold = absl::Seconds(1);
// One that says "at once".
constexpr absl::Duration kClosedMin = absl::Milliseconds(100);
// No single answer closes a model for longer; the next one can close it again.
constexpr absl::Duration kClosedMax = absl::Hours(24);

}  // namespace

QuotaLedger::QuotaLedger(const QuotaLimits& configured, uint32_t share_ppm) {
  const absl::Time start = absl::InfinitePast();
  for (size_t i = 0; i < kQuotaPeriods; ++i) {
    requests_[i] = QuotaBucket(kLengths[i]);
    uncached_[i] = QuotaBucket(kLengths[i]);
    total_[i] = QuotaBucket(kLengths[i]);
  }
  SetShare(share_ppm, start);
  for (size_t i = 0; i < kQuotaPeriods; ++i) {
    if (configured.requests[i]) {
      requests_[i].SetLimit(static_cast<double>(*configured.requests[i]), 0, start);
    }
    if (configured.tokens[i]) {
      const auto limit = static_cast<double>(*configured.tokens[i]);
      uncached_[i].SetLimit(limit, 0, start);
      total_[i].SetLimit(limit * kTotalFactor, 0, start);
    }
    if (configured.total_tokens[i]) {
      total_[i].SetLimit(static_cast<double>(*configured.total_tokens[i]), 0, start);
      total_configured_[i] = true;
    }
  }
}

void QuotaLedger::SetShare(uint32_t share_ppm, absl::Time now, bool alone) {
  share_ppm_ = std::min(share_ppm, kQuotaWhole);
  const double share = static_cast<double>(share_ppm_) / kQuotaWhole;
  const size_t minute = Index(QuotaPeriod::kMinute);
  for (Buckets* buckets : {&requests_, &uncached_, &total_}) {
    (*buckets)[minute].SetShare(share, now, alone);
  }
}

void QuotaLedger::LearnLimits(const QuotaLimits& limits, absl::Time now) {
  if (known()) return;
  const auto calls = static_cast<double>(reserved_requests_);
  const auto tokens = static_cast<double>(reserved_tokens_);
  for (size_t i = 0; i < kQuotaPeriods; ++i) {
    const auto learn = [&](QuotaBucket& bucket, std::optional<uint64_t> limit, double in_flight) {
      if (!limit) return;
      if (i == Index(QuotaPeriod::kMinute)) {
        bucket.LearnLimit(static_cast<double>(*limit), in_flight, now);
      } else {
        bucket.SetLimit(static_cast<double>(*limit), in_flight, now);
      }
    };
    learn(requests_[i], limits.requests[i], calls);
    learn(uncached_[i], limits.tokens[i], tokens);
    learn(total_[i], limits.total_tokens[i], tokens);
  }
}

bool QuotaLedger::known() const { return !(limits() == QuotaLimits()); }

QuotaLimits QuotaLedger::limits() const {
  QuotaLimits limits;
  for (size_t i = 0; i < kQuotaPeriods; ++i) {
    const auto limit = [](const QuotaBucket& bucket) {
      return bucket.known() ? std::optional(static_cast<uint64_t>(bucket.limit())) : std::nullopt;
    };
    limits.requests[i] = limit(requests_[i]);
    limits.tokens[i] = limit(uncached_[i]);
    limits.total_tokens[i] = limit(total_[i]);
  }
  return limits;
}

uint32_t QuotaLedger::LeastShare(uint64_t tokens) const {
  double least = 0;
  const auto add = [&](const QuotaBucket& bucket, double amount) {
    if (bucket.known()) least = std::max(least, std::min(1.0, amount / bucket.limit()));
  };
  const size_t minute = Index(QuotaPeriod::kMinute);
  add(requests_[minute], 1);
  add(uncached_[minute], static_cast<double>(tokens));
  add(total_[minute], static_cast<double>(tokens));
  if (least == 0 && known()) return 1;
  return static_cast<uint32_t>(std::ceil(least * kQuotaWhole));
}

absl::Duration QuotaLedger::WholeFor(uint64_t tokens, absl::Time now) const {
  QuotaLedger whole = *this;
  whole.SetShare(kQuotaWhole, now);
  whole.closed_until_ = absl::InfinitePast();  // closed for others as well
  return whole.FitsAt(tokens, now) - now;
}

double QuotaLedger::PartOfMinute(double calls, double tokens) const {
  const auto part = [](const Buckets& buckets, double amount) {
    for (size_t i = 0; i < kQuotaPeriods; ++i) {
      if (!buckets[i].known()) continue;
      return amount / (buckets[i].limit() * absl::FDivDuration(absl::Minutes(1), kLengths[i]));
    }
    return 0.0;
  };
  return std::max({part(requests_, calls), part(uncached_, tokens), part(total_, tokens)});
}

absl::Time QuotaLedger::FitsAt(const Buckets& buckets, double amount, absl::Time now) const {
  const QuotaBucket& minute = buckets[Index(QuotaPeriod::kMinute)];
  absl::Time at = minute.FitsAt(amount, now);
  const double share = static_cast<double>(share_ppm_) / kQuotaWhole;
  for (const QuotaBucket& bucket : buckets) {
    if (&bucket == &minute || !bucket.known()) continue;
    if (share <= 0) return absl::InfiniteFuture();
    double there = amount / share;
    if (minute.known()) there = std::min(there, amount + (1 - share) * minute.limit());
    at = std::max(at, bucket.FitsAt(there, now));
  }
  return at;
}

absl::Time QuotaLedger::FitsAt(uint64_t tokens, absl::Time now) const {
  const auto amount = static_cast<double>(tokens);
  return std::max({now, closed_until_, FitsAt(requests_, 1, now), FitsAt(uncached_, amount, now),
                   FitsAt(total_, amount, now)});
}

QuotaLedger::Reservation QuotaLedger::Reserve(uint64_t tokens, absl::Time now) {
  Reservation reservation;
  reservation.tokens = tokens;
  reservation.others = static_cast<double>(reserved_requests_);
  reservation.others_tokens = static_cast<double>(reserved_tokens_);
  const auto amount = static_cast<double>(tokens);
  for (size_t i = 0; i < kQuotaPeriods; ++i) {
    reservation.requests[i] = requests_[i].Take(1, now);
    reservation.uncached[i] = uncached_[i].Take(amount, now);
    reservation.total[i] = total_[i].Take(amount, now);
  }
  reserved_tokens_ += tokens;
  ++reserved_requests_;
  return reservation;
}

void QuotaLedger::Return(const Reservation& reservation) {
  MOA_CHECK(reserved_requests_ > 0 && reserved_tokens_ >= reservation.tokens);
  reserved_tokens_ -= reservation.tokens;
  --reserved_requests_;
}

void QuotaLedger::Settle(const Reservation& reservation, const Used& used, absl::Time now) {
  Return(reservation);
  const auto reserved = static_cast<double>(reservation.tokens);
  for (size_t i = 0; i < kQuotaPeriods; ++i) {
    uncached_[i].GiveBack(reserved - static_cast<double>(used.uncached), now);
    total_[i].GiveBack(reserved - static_cast<double>(used.total), now);
  }
}

void QuotaLedger::Refused(const Reservation& reservation, std::optional<absl::Duration> retry_after,
                          Short what, absl::Time now) {
  Settle(reservation, {}, now);
  for (QuotaBucket& bucket : requests_) bucket.GiveBack(1, now);
  if (retry_after) {
    const absl::Duration told = std::clamp(*retry_after, kClosedMin, kClosedMax);
    closed_until_ = std::max(closed_until_, now + told + kReopenMargin);
  } else if (what != Short::kNothing) {
    closed_until_ = std::max(closed_until_, now + kClosedUntold);
  }
  // It is the minute's bucket that runs dry; where it is a longer one's, the time given closes the model.
  const size_t minute = Index(QuotaPeriod::kMinute);
  if (what == Short::kTokens) {
    uncached_[minute].Refused(static_cast<double>(reservation.tokens), now);
  } else if (what == Short::kRequests) {
    requests_[minute].Refused(1, now);
  }
}

void QuotaLedger::LearnHeaders(const RateLimits& headers, uint64_t own_tokens, absl::Time now) {
  const double calls = static_cast<double>(reserved_requests_);
  const double tokens = static_cast<double>(reserved_tokens_);
  for (size_t i = 0; i < kQuotaPeriods; ++i) {
    const RateLimits::Window& requests = headers.requests[i];
    if (requests.limit && *requests.limit > 0) {
      const bool first = !requests_[i].known();
      const auto limit = static_cast<double>(*requests.limit);
      // What remained when the call was let in, less what has gone out since.
      const bool told = first && requests.remaining;
      const double gone =
          told ? limit - std::min(limit, static_cast<double>(*requests.remaining)) : 0;
      requests_[i].SetLimit(limit, told ? calls - 1 : calls, now, gone);
    }
    const RateLimits::Window& window = headers.tokens[i];
    if (!window.limit || *window.limit == 0) continue;
    const auto limit = static_cast<double>(*window.limit);
    const bool first = !uncached_[i].known();
    const bool of_uncached = window.remaining && !reports_total_[i];
    const bool told = first && of_uncached;
    const double gone = told ? limit - static_cast<double>(*window.remaining) : 0;
    const double in_flight = told ? tokens - static_cast<double>(own_tokens) : tokens;
    uncached_[i].SetLimit(limit, in_flight, now, gone);
    if (!total_configured_[i]) total_[i].SetLimit(limit * kTotalFactor, tokens, now);
  }
}

void QuotaLedger::Learn(const Reservation& reservation, const RateLimits& headers, absl::Time now) {
  for (size_t i = 0; i < kQuotaPeriods; ++i) {
    if (headers.requests[i].remaining) {
      requests_[i].Correct(reservation.requests[i],
                           static_cast<double>(*headers.requests[i].remaining), reservation.others,
                           reservation.others, now);
    }
    const RateLimits::Window& window = headers.tokens[i];
    if (!window.remaining || !window.limit) continue;
    // More than the limit can only be what is left of all tokens, now and from now on.
    if (*window.remaining > *window.limit) reports_total_[i] = true;
    (reports_total_[i] ? total_ : uncached_)[i].Correct(
        (reports_total_[i] ? reservation.total : reservation.uncached)[i],
        static_cast<double>(*window.remaining), reservation.others, reservation.others_tokens, now);
  }
  LearnHeaders(headers, reservation.tokens, now);
}

uint64_t QuotaLedger::LimitBelow(uint64_t tokens) const {
  double least = static_cast<double>(tokens);
  for (const Buckets* buckets : {&uncached_, &total_}) {
    for (const QuotaBucket& bucket : *buckets) {
      if (bucket.known()) least = std::min(least, bucket.limit());
    }
  }
  const auto limit = static_cast<uint64_t>(least);
  return limit < tokens ? limit : 0;
}

double QuotaLedger::Headroom(absl::Time now) const {
  const size_t minute = Index(QuotaPeriod::kMinute);
  double least = closed_until_ > now ? 0 : 1;
  for (const QuotaBucket* bucket : {&requests_[minute], &uncached_[minute], &total_[minute]}) {
    if (!bucket->known()) continue;
    const double capacity = bucket->capacity();
    least = std::min(least, capacity > 0 ? std::max(0.0, bucket->LevelAt(now) / capacity) : 0);
  }
  return least;
}

}  // namespace moa
