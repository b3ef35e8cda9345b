#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

namespace moa::docs {

// What one program serves, collected from its own classes with every label set that is known beforehand.
struct ProgramMetrics {
  std::string program;
  std::string about;  // a sentence that stands above its table
  std::vector<prometheus::MetricFamily> families;
};

// docs/metrics.md: a table for what all programs serve, then one for each.
std::string MetricsPage(const std::vector<ProgramMetrics>& programs);

// "counter", "gauge", "histogram".
std::string TypeName(prometheus::MetricType type);

}  // namespace moa::docs
