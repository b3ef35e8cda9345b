#include "coordinator/scheduler/quota_book.h"

#include <algorithm>
#include <cmath>

#include "coordinator/engine/types.h"

namespace moa {
namespace {

constexpr size_t kQuotasMax = 4096;
// Below this share of a minute's quota a call that is only nice to have is not sent.
constexpr double kPlenty = 0.25;
// Calls that go out before anything is known of a quota: so many in each such time.
constexpr uint32_t kUnknownAtOnce = 8;
constexpr absl::Duration kUnknownEvery = absl::Milliseconds(50);

// Use counts for a need for about so long.
constexpr absl::Duration kUseFor = absl::Seconds(30);

// Of `max` calls at once those that a share allows; the whole where there is no bound.
uint64_t Concurrent(uint32_t max, uint32_t share_ppm) {
  return uint64_t{max} * share_ppm / kQuotaWhole;
}
uint32_t LeastShareOfCalls(uint32_t max) { return max == 0 ? 0 : (kQuotaWhole + max - 1) / max; }

uint32_t Ppm(double part) {
  return static_cast<uint32_t>(std::ceil(std::clamp(part, 0.0, 1.0) * kQuotaWhole));
}

uint64_t Whole(double value) { return static_cast<uint64_t>(std::max(0.0, value)); }

}  // namespace

const QuotaRule* QuotaBook::RuleFor(const QuotaKey& of) const {
  // The most particular one: a rule for this key counts more than one for this model.
  const QuotaRule* best = nullptr;
  int best_rank = -1;
  for (const QuotaRule& rule : rules_) {
    const bool any_key = rule.key == "*";
    const bool any_model = rule.model == "*";
    if ((!any_key && rule.key != of.key) || (!any_model && rule.model != of.model)) continue;
    const int rank = (any_key ? 0 : 2) + (any_model ? 0 : 1);
    if (rank > best_rank) best = &rule;
    best_rank = std::max(best_rank, rank);
  }
  return best;
}

QuotaBook::Quota* QuotaBook::Find(const QuotaKey& of) {
  if (of.model == kGraderModel) return nullptr;  // asks nobody
  const auto it = quotas_.find(of);
  if (it != quotas_.end()) return it->second.get();
  if (quotas_.size() >= kQuotasMax) return nullptr;
  const QuotaRule* rule = RuleFor(of);
  auto quota = std::make_unique<Quota>();
  quota->ledger = QuotaLedger(rule == nullptr ? QuotaLimits() : rule->limits, share_ppm_initial_);
  if (rule != nullptr) {
    quota->concurrent_max = rule->concurrent_max;
    quota->is_known = !(rule->limits == QuotaLimits());
  }
  return quotas_.emplace(of, std::move(quota)).first->second.get();
}

absl::Time QuotaBook::FitsAt(const QuotaKey& of, uint64_t tokens, absl::Time now) {
  Quota* quota = Find(of);
  if (quota == nullptr) return now;
  if (quota->concurrent_max > 0 &&
      quota->gate.under_way() >= Concurrent(quota->concurrent_max, quota->ledger.share_ppm())) {
    return absl::InfiniteFuture();
  }
  absl::Time at = std::max(quota->gate.AdmitsAt(now), quota->ledger.FitsAt(tokens, now));
  share_wanted_ = share_wanted_ || (at == absl::InfiniteFuture() && quota->ledger.share_ppm() == 0);
  if (!quota->is_known && quota->gate.under_way() >= kUnknownAtOnce) {
    const uint32_t turns = quota->gate.under_way() / kUnknownAtOnce;
    at = std::max(at, quota->first_sent + turns * kUnknownEvery);
  }
  return at;
}

QuotaBook::Hold QuotaBook::Send(const QuotaKey& of, uint64_t tokens, absl::Time now) {
  Quota* quota = Find(of);
  if (quota == nullptr) return {};
  quota->first_sent = std::min(quota->first_sent, now);
  return {.quota = quota,
          .reservation = quota->ledger.Reserve(tokens, now),
          .round = quota->gate.Sent(now)};
}

void QuotaBook::End(const Hold& hold, const CallEnd& end, absl::Time now) {
  if (hold.quota == nullptr) return;
  QuotaLedger& ledger = hold.quota->ledger;
  StormGate& gate = hold.quota->gate;
  ledger.Learn(hold.reservation, end.headers, now);
  if (end.kind != CallEnd::Kind::kDropped) hold.quota->is_known = true;
  if (end.kind == CallEnd::Kind::kProcessed) {
    NoteUse(*hold.quota, 1, static_cast<double>(end.used.uncached), now);
  }
  switch (end.kind) {
    case CallEnd::Kind::kProcessed:
      ledger.Settle(hold.reservation, end.used, now);
      gate.Answered(hold.round, now);
      break;
    case CallEnd::Kind::kQuotaRefused:
      ledger.Refused(hold.reservation, end.retry_after,
                     end.tokens_short ? QuotaLedger::Short::kTokens : QuotaLedger::Short::kRequests,
                     now);
      gate.Answered(hold.round, now);
      break;
    case CallEnd::Kind::kBusy:
      ledger.Refused(hold.reservation, end.retry_after, QuotaLedger::Short::kNothing, now);
      gate.Busy(hold.round, end.random, now);
      break;
    case CallEnd::Kind::kDropped:
      ledger.Settle(hold.reservation, end.used, now);
      gate.Dropped(hold.round, now);
      break;
  }
}

uint64_t QuotaBook::LimitBelow(absl::string_view model, uint64_t tokens) const {
  uint64_t largest = 0;
  for (const auto& [of, quota] : quotas_) {
    if (of.model != model) continue;
    const uint64_t limit = quota->ledger.LimitBelow(tokens);
    if (limit == 0) return 0;
    largest = std::max(largest, limit);
  }
  return largest;
}

void QuotaBook::SetShare(const QuotaKey& of, uint32_t share_ppm, absl::Time now, bool alone) {
  Quota* quota = Find(of);
  if (quota == nullptr) return;
  const QuotaRule* rule = RuleFor(of);
  if (alone && rule != nullptr && quota->first_sent == absl::InfiniteFuture()) {
    quota->ledger = QuotaLedger(rule->limits, share_ppm);
  } else {
    quota->ledger.SetShare(share_ppm, now, alone);
  }
}

void QuotaBook::LearnLimits(const QuotaKey& of, const QuotaLimits& limits, absl::Time now) {
  Quota* quota = Find(of);
  if (quota == nullptr || quota->ledger.known() || limits == QuotaLimits()) return;
  quota->ledger.LearnLimits(limits, now);
  quota->is_known = true;
}

void QuotaBook::NoteUse(Quota& quota, double calls, double tokens, absl::Time now) {
  const double kept = std::exp(-std::max(0.0, absl::FDivDuration(now - quota.used_at, kUseFor)));
  quota.used_calls = quota.used_calls * kept + calls;
  quota.used_tokens = quota.used_tokens * kept + tokens;
  quota.used_at = std::max(quota.used_at, now);
}

void QuotaBook::AddDemand(const Quota& quota, const QuotaDemand& queued, absl::Time now,
                          QuotaNeed& need) {
  const QuotaLedger& ledger = quota.ledger;
  need.waits = true;
  need.largest_tokens = queued.largest_tokens;
  need.least_ppm =
      std::max(ledger.LeastShare(queued.largest_tokens), LeastShareOfCalls(quota.concurrent_max));
  need.wants_whole = need.least_ppm > ledger.share_ppm();
  need.whole_for = ledger.WholeFor(queued.largest_tokens, now);
}

std::vector<QuotaNeed> QuotaBook::Needs(const absl::btree_map<std::string, QuotaDemand>& queued,
                                        absl::Time now) const {
  std::vector<QuotaNeed> needs;
  for (const auto& [of, quota] : quotas_) {
    const QuotaLedger& ledger = quota->ledger;
    QuotaNeed& need = needs.emplace_back();
    need.of = of;
    need.share_ppm = ledger.share_ppm();
    need.limits = ledger.limits();
    Quota used = *quota;
    NoteUse(used, 0, 0, now);
    const double a_minute = absl::FDivDuration(absl::Minutes(1), kUseFor);
    double calls = static_cast<double>(ledger.reserved_requests());
    double tokens = static_cast<double>(ledger.reserved_tokens());
    const auto waiting = queued.find(of.model);
    if (waiting != queued.end()) {
      calls += static_cast<double>(waiting->second.calls);
      tokens += static_cast<double>(waiting->second.tokens);
      AddDemand(*quota, waiting->second, now, need);
    }
    double part = ledger.PartOfMinute(calls + used.used_calls * a_minute,
                                      tokens + used.used_tokens * a_minute);
    if (quota->concurrent_max > 0) part = std::max(part, calls / quota->concurrent_max);
    need.need_ppm = Ppm(part);
  }
  return needs;
}

bool QuotaBook::HasPlenty(const QuotaKey& of, absl::Time now) {
  Quota* quota = Find(of);
  if (quota == nullptr) return true;
  const bool bounded = quota->gate.closed() || quota->gate.window() > 0;
  return !bounded && quota->ledger.Headroom(now) >= kPlenty;
}

absl::Time QuotaBook::ClosedUntil(const QuotaKey& of) const {
  const auto it = quotas_.find(of);
  return it == quotas_.end() ? absl::InfinitePast() : it->second->ledger.closed_until();
}

std::vector<QuotaView> QuotaBook::Views(absl::Time now) const {
  std::vector<QuotaView> views;
  for (const auto& [of, quota] : quotas_) {
    QuotaView& view = views.emplace_back();
    view.of = of;
    const QuotaLedger& ledger = quota->ledger;
    for (size_t i = 0; i < kQuotaPeriods; ++i) {
      const auto period = static_cast<QuotaPeriod>(i);
      const auto show = [&](const QuotaBucket& bucket, QuotaLimits::PerPeriod QuotaLimits::*kind) {
        if (!bucket.known()) return;
        (view.limits.*kind)[i] = Whole(bucket.limit());
        (view.remaining.*kind)[i] = Whole(bucket.LevelAt(now));
      };
      show(ledger.requests(period), &QuotaLimits::requests);
      show(ledger.uncached(period), &QuotaLimits::tokens);
      show(ledger.total(period), &QuotaLimits::total_tokens);
    }
    view.share_ppm = ledger.share_ppm();
    view.reserved_requests = ledger.reserved_requests();
    view.reserved_tokens = ledger.reserved_tokens();
    view.window = quota->gate.window();
    view.storm = quota->gate.closed();
    view.closed_until = ledger.closed_until();
  }
  return views;
}

}  // namespace moa
