#include "coordinator/metrics/quota_metrics.h"

#include <algorithm>
#include <map>

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

MetricFamily LevelFamily(const char* name, const char* help,
                         std::vector<std::pair<Labels, double>> values) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = prometheus::MetricType::Gauge;
  for (auto& [labels, value] : values) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    for (const auto& [key, text] : labels) metric.label.push_back({key, text});
    metric.gauge.value = value;
  }
  return family;
}

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
  return {
      LevelFamily("moa_quota_limit", "The provider's limits as they are known", std::move(limits)),
      LevelFamily("moa_quota_remaining", "What may be sent now of the provider's limits",
                  std::move(remaining)),
      LevelFamily("moa_quota_reserved_requests", "Calls under way, by quota", std::move(requests)),
      LevelFamily("moa_quota_reserved_tokens", "Tokens set aside for calls under way, by quota",
                  std::move(tokens)),
      LevelFamily("moa_quota_storm",
                  "1 while the provider is too busy and only single calls are tried",
                  std::move(storms)),
      LevelFamily("moa_quota_window",
                  "Calls allowed at once because the provider was busy; 0: no such bound",
                  std::move(windows)),
      LevelFamily("moa_quota_closed_seconds",
                  "For how much longer the provider has asked not to be called", std::move(closed)),
  };
}

}  // namespace moa
