#include "common/metrics/level_family.h"

namespace moa {

prometheus::MetricFamily LevelFamily(const char* name, const char* help,
                                     std::vector<std::pair<prometheus::Labels, double>> values) {
  prometheus::MetricFamily family;
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

}  // namespace moa
