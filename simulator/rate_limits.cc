#include "simulator/rate_limits.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace moa::simulator {
namespace {

constexpr int64_t kReservedCompletionMax = 16'384;
constexpr size_t kOrgsMax = 10'000;
constexpr const char* kPeriodNames[] = {"minute", "hour", "day"};
const absl::Duration kPeriodLengths[] = {absl::Minutes(1), absl::Hours(1), absl::Hours(24)};

int64_t Or(int64_t value, int64_t fallback) { return value != 0 ? value : fallback; }

size_t IndexOf(const Model& model) { return static_cast<size_t>(&model - Models().data()); }

}  // namespace

RateLimits::RateLimits(LimitOptions options) : options_(options), overrides_(Models().size()) {
  SetLimits({nullptr, options.requests_per_minute, options.tokens_per_minute},
            absl::InfinitePast());
}

int64_t RateLimits::ReservedCompletion(std::optional<int64_t> max_completion_tokens) {
  if (!max_completion_tokens.has_value() || *max_completion_tokens < 0)
    return kReservedCompletionMax;
  return std::min(*max_completion_tokens, kReservedCompletionMax);
}

ModelLimits RateLimits::LimitsOf(const Model& model) const {
  ModelLimits limits;
  if (options_.tier == Tier::kFree) limits = model.free;
  if (options_.tier == Tier::kDeveloper) limits = model.developer;
  const Overrides& own = overrides_[IndexOf(model)];
  if (own.requests_per_minute != 0) {
    limits.requests_per_minute = own.requests_per_minute;
    limits.requests_per_hour = limits.requests_per_day = 0;
  }
  if (own.tokens_per_minute != 0) {
    limits.tokens_per_minute = own.tokens_per_minute;
    limits.total_tokens_per_minute = 3 * own.tokens_per_minute;
    limits.tokens_per_hour = limits.tokens_per_day = 0;
  }
  limits.requests_per_hour = Or(limits.requests_per_hour, 60 * limits.requests_per_minute);
  limits.requests_per_day = Or(limits.requests_per_day, 1'440 * limits.requests_per_minute);
  limits.tokens_per_hour = Or(limits.tokens_per_hour, 60 * limits.tokens_per_minute);
  limits.tokens_per_day = Or(limits.tokens_per_day, 1'440 * limits.tokens_per_minute);
  return limits;
}

void RateLimits::Apply(Buckets& buckets, absl::Time now) const {
  const ModelLimits limits = LimitsOf(*buckets.model);
  const double total_factor = limits.tokens_per_minute == 0
                                  ? 0
                                  : static_cast<double>(limits.total_tokens_per_minute) /
                                        static_cast<double>(limits.tokens_per_minute);
  const int64_t requests[] = {limits.requests_per_minute, limits.requests_per_hour,
                              limits.requests_per_day};
  const int64_t tokens[] = {limits.tokens_per_minute, limits.tokens_per_hour,
                            limits.tokens_per_day};
  for (size_t i = 0; i < kPeriods; ++i) {
    const auto token_limit = static_cast<double>(tokens[i]);
    buckets.requests[i].SetLimit(static_cast<double>(requests[i]), now);
    buckets.uncached[i].SetLimit(token_limit, now);
    buckets.total[i].SetLimit(token_limit * total_factor, now);
  }
}

void RateLimits::SetLimits(const Change& change, absl::Time now) {
  const MutexLock lock(mutex_);
  for (const Model& model : Models()) {
    if (change.model != nullptr && change.model != &model) continue;
    Overrides& own = overrides_[IndexOf(model)];
    own.requests_per_minute = change.requests_per_minute.value_or(own.requests_per_minute);
    own.tokens_per_minute = change.tokens_per_minute.value_or(own.tokens_per_minute);
  }
  for (const auto& [key, buckets] : buckets_) Apply(*buckets, now);
  limited_.store(options_.tier != Tier::kUnlimited ||
                 std::any_of(overrides_.begin(), overrides_.end(), [](const Overrides& own) {
                   return own.requests_per_minute != 0 || own.tokens_per_minute != 0;
                 }));
}

std::string RateLimits::LimitsJson() {
  std::string out = "[";
  const MutexLock lock(mutex_);
  for (const Model& model : Models()) {
    const ModelLimits limits = LimitsOf(model);
    absl::StrAppend(&out, out.size() > 1 ? "," : "", "{\"model\":\"", model.id,
                    "\",\"requests_per_minute\":", limits.requests_per_minute,
                    ",\"tokens_per_minute\":", limits.tokens_per_minute,
                    ",\"total_tokens_per_minute\":", limits.total_tokens_per_minute, "}");
  }
  return out + "]";
}

RateLimits::Buckets& RateLimits::BucketsOf(absl::string_view org, const Model& model,
                                           absl::Time now) {
  const absl::string_view shared = buckets_.size() < kOrgsMax ? org : "";
  std::string key = absl::StrCat(model.id, "\n", org);
  const auto found = buckets_.find(key);
  if (found != buckets_.end()) return *found->second;
  if (shared != org) key = absl::StrCat(model.id, "\n");
  std::unique_ptr<Buckets>& slot = buckets_[key];
  if (slot != nullptr) return *slot;
  slot = std::make_unique<Buckets>();
  slot->model = &model;
  for (size_t i = 0; i < kPeriods; ++i) {
    for (auto* buckets : {&slot->requests, &slot->uncached, &slot->total}) {
      (*buckets)[i] = TokenBucket(0, kPeriodLengths[i], now);
    }
  }
  Apply(*slot, now);
  return *slot;
}

RateLimits::Decision RateLimits::Admit(absl::string_view org, const Model& model, int64_t estimate,
                                       absl::Time now) {
  Decision decision;
  if (!limited_.load(std::memory_order_relaxed)) return decision;
  const auto tokens = static_cast<double>(estimate);
  const MutexLock lock(mutex_);
  Buckets& buckets = BucketsOf(org, model, now);
  const auto refuse = [&](ApiError error, TokenBucket& bucket, double amount) {
    decision.error = std::move(error);
    const double seconds = std::ceil(absl::ToDoubleSeconds(bucket.TimeUntil(amount, now)));
    decision.retry_after_seconds = static_cast<int64_t>(std::clamp(seconds, 1.0, 60.0));
  };
  for (size_t i = 0; i < kPeriods && !decision.error; ++i) {
    if (!buckets.requests[i].Has(1, now)) {
      refuse(RequestQuotaExceeded(kPeriodNames[i]), buckets.requests[i], 1);
    }
  }
  for (size_t i = 0; i < kPeriods && !decision.error; ++i) {
    for (TokenBucket* bucket : {&buckets.uncached[i], &buckets.total[i]}) {
      if (decision.error || bucket->Has(tokens, now)) continue;
      refuse(TokenQuotaExceeded(kPeriodNames[i]), *bucket, tokens);
    }
  }
  if (!decision.error) {
    for (size_t i = 0; i < kPeriods; ++i) {
      buckets.requests[i].Take(1, now);
      buckets.uncached[i].Take(tokens, now);
      buckets.total[i].Take(tokens, now);
    }
    decision.reservation = {std::string(org), &model, estimate};
  }
  decision.headers = Headers(buckets, now);
  return decision;
}

void RateLimits::Settle(const Reservation& reservation, int64_t uncached_tokens,
                        int64_t total_tokens, absl::Time now) {
  if (reservation.model == nullptr) return;
  const MutexLock lock(mutex_);
  Buckets& buckets = BucketsOf(reservation.org, *reservation.model, now);
  for (size_t i = 0; i < kPeriods; ++i) {
    buckets.uncached[i].Take(static_cast<double>(uncached_tokens - reservation.tokens), now);
    buckets.total[i].Take(static_cast<double>(total_tokens - reservation.tokens), now);
  }
}

std::string RateLimits::Headers(Buckets& buckets, absl::Time now) const {
  std::string out;
  const auto whole = [](double value) { return static_cast<int64_t>(std::max(0.0, value)); };
  for (size_t i = 0; i < kPeriods; ++i) {
    TokenBucket& requests = buckets.requests[i];
    if (!requests.unlimited()) {
      absl::StrAppend(&out, "x-ratelimit-limit-requests-", kPeriodNames[i], ": ",
                      whole(requests.limit()), "\r\nx-ratelimit-remaining-requests-",
                      kPeriodNames[i], ": ", whole(requests.Available(now)), "\r\n");
    }
    TokenBucket& tokens = buckets.uncached[i];
    if (tokens.unlimited()) continue;
    // Beyond the minute the service was seen to report what remains of all tokens beside the limit
    // of the uncached ones, so that "remaining" exceeds "limit".
    TokenBucket& shown = i == 0 ? tokens : buckets.total[i];
    absl::StrAppend(&out, "x-ratelimit-limit-tokens-", kPeriodNames[i], ": ", whole(tokens.limit()),
                    "\r\nx-ratelimit-remaining-tokens-", kPeriodNames[i], ": ",
                    whole(shown.Available(now)), "\r\n");
  }
  if (options_.reset_headers) {
    TokenBucket& day = buckets.requests[2];
    TokenBucket& minute = buckets.uncached[0];
    absl::StrAppend(&out, "x-ratelimit-reset-requests-day: ",
                    absl::ToDoubleSeconds(day.TimeUntil(day.limit(), now)),
                    "\r\nx-ratelimit-reset-tokens-minute: ",
                    absl::ToDoubleSeconds(minute.TimeUntil(minute.limit(), now)), "\r\n");
  }
  return out;
}

}  // namespace moa::simulator
