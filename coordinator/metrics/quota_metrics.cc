#include "coordinator/metrics/quota_metrics.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/metrics/level_family.h"

namespace moa {
namespace {

using prometheus::Labels;
using prometheus::MetricFamily;

constexpr size_t kQuotasShown = 128;
constexpr const char* kPeriodNames[kQuotaPeriods] = {"minute", "hour", "day"};

Labels LabelsOf(const QuotaView& view) { return {{"model", view.of.model}, {"key", view.of.key}}; }

// Adds the sums of what is beyond the bound, and drops it.
std::vector<QuotaView> Bounded(const std::vector<QuotaView>& quotas) {
  if (quotas.size() <= kQuotasShown) return quotas;
  std::vector<QuotaView> shown(quotas.begin(), quotas.begin() + kQuotasShown);
  QuotaView other{.of = {.key = "other", .model = "other"}};
  for (size_t i = kQuotasShown; i < quotas.size(); ++i) {
    other.reserved_requests += quotas[i].reserved_requests;
    other.reserved_tokens += quotas[i].reserved_tokens;
  }
  shown.push_back(other);
  return shown;
}

}  // namespace

std::vector<MetricFamily> QuotaFamilies(const std::vector<QuotaView>& quotas, absl::Time now) {
  std::vector<std::pair<Labels, double>> limits, remaining, requests, tokens, storms, windows,
      closed;
  const auto number = [](uint64_t value) { return static_cast<double>(value); };
  for (const QuotaView& view : Bounded(quotas)) {
    const Labels labels = LabelsOf(view);
    const auto show = [&](const char* kind, QuotaLimits::PerPeriod QuotaLimits::*of) {
      for (size_t i = 0; i < kQuotaPeriods; ++i) {
        if (!(view.limits.*of)[i]) continue;
        Labels more = labels;
        more["kind"] = kind;
        more["period"] = kPeriodNames[i];
        limits.emplace_back(more, number(*(view.limits.*of)[i]));
        remaining.emplace_back(more, number((view.remaining.*of)[i].value_or(0)));
      }
    };
    show("requests", &QuotaLimits::requests);
    show("tokens", &QuotaLimits::tokens);
    show("total_tokens", &QuotaLimits::total_tokens);
    requests.emplace_back(labels, number(view.reserved_requests));
    tokens.emplace_back(labels, number(view.reserved_tokens));
    storms.emplace_back(labels, view.storm ? 1 : 0);
    windows.emplace_back(labels, view.window);
    closed.emplace_back(
        labels, view.closed_until > now ? absl::ToDoubleSeconds(view.closed_until - now) : 0);
  }
  const auto level = [](const char* name, const char* help, auto& values) {
    return LevelFamily(name, help, std::move(values));
  };
  return {
      level("moa_quota_limit",
            "The provider's limit as it is known: requests, tokens not served from the prompt "
            "cache, or all "
            "tokens, in a period. The key is the fingerprint that `moactl workers` shows.",
            limits),
      level("moa_quota_remaining",
            "What may be sent now of the limit of the same labels, calls under way taken out; of "
            "this "
            "coordinator's share where several share a quota.",
            remaining),
      level("moa_quota_reserved_requests", "Calls of a quota that are under way.", requests),
      level("moa_quota_reserved_tokens",
            "Tokens of a quota that are set aside for calls under way.", tokens),
      level("moa_quota_storm",
            "1 while the provider is so busy that only single calls are tried, else 0.", storms),
      level("moa_quota_window",
            "Calls that are allowed at once because the provider was busy; 0 means no such bound.",
            windows),
      level("moa_quota_closed_seconds",
            "Seconds for which the provider has asked not to be called any more, from now on.",
            closed),
  };
}

}  // namespace moa
