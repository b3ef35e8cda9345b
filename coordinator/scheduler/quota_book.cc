#include "coordinator/scheduler/quota_book.h"

#include <algorithm>

namespace moa {
namespace {

constexpr size_t kQuotasMax = 4096;
// Below this share of a minute's quota a call that is only nice to have is not sent.
constexpr double kPlenty = 0.25;
// Calls that go out before anything is known of a quota: so many in each such time.
constexpr uint32_t kUnknownAtOnce = 8;
constexpr absl::Duration kUnknownEvery = absl::Milliseconds(50);

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
  const auto it = quotas_.find(of);
  if (it != quotas_.end()) return it->second.get();
  if (quotas_.size() >= kQuotasMax) return nullptr;
  const QuotaRule* rule = RuleFor(of);
  auto quota = std::make_unique<Quota>();
  if (rule != nullptr) {
    quota->ledger = QuotaLedger(rule->limits);
    quota->concurrent_max = rule->concurrent_max;
    quota->is_known = !(rule->limits == QuotaLimits());
  }
  return quotas_.emplace(of, std::move(quota)).first->second.get();
}

absl::Time QuotaBook::FitsAt(const QuotaKey& of, uint64_t tokens, absl::Time now) {
  Quota* quota = Find(of);
  if (quota == nullptr) return now;
  if (quota->concurrent_max > 0 && quota->gate.under_way() >= quota->concurrent_max) {
    return absl::InfiniteFuture();
  }
  absl::Time at = std::max(quota->gate.AdmitsAt(now), quota->ledger.FitsAt(tokens, now));
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
    view.reserved_requests = ledger.reserved_requests();
    view.reserved_tokens = ledger.reserved_tokens();
    view.window = quota->gate.window();
    view.storm = quota->gate.closed();
    view.closed_until = ledger.closed_until();
  }
  return views;
}

}  // namespace moa
