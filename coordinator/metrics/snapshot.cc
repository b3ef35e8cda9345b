#include "coordinator/metrics/snapshot.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <algorithm>
#include <cmath>

namespace moa {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

v1::MetricFamily::Type TypeOf(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return v1::MetricFamily::COUNTER;
    case MetricType::Gauge:
      return v1::MetricFamily::GAUGE;
    case MetricType::Histogram:
      return v1::MetricFamily::HISTOGRAM;
    default:
      return v1::MetricFamily::TYPE_UNSPECIFIED;
  }
}

void WriteDistribution(const ClientMetric::Histogram& histogram, v1::Distribution* out) {
  out->set_count(histogram.sample_count);
  out->set_sum(histogram.sample_sum);
  for (const ClientMetric::Bucket& bucket : histogram.bucket) {
    if (!std::isfinite(bucket.upper_bound)) continue;
    out->add_bounds(bucket.upper_bound);
    out->add_cumulative_counts(bucket.cumulative_count);
  }
}

void WriteFamily(const prometheus::MetricFamily& family, v1::MetricFamily* out) {
  out->set_name(family.name);
  out->set_type(TypeOf(family.type));
  for (const ClientMetric& metric : family.metric) {
    v1::MetricSample* sample = out->add_samples();
    for (const ClientMetric::Label& label : metric.label) {
      (*sample->mutable_labels())[label.name] = label.value;
    }
    if (family.type == MetricType::Histogram) {
      WriteDistribution(metric.histogram, sample->mutable_distribution());
    } else {
      sample->set_value(family.type == MetricType::Counter ? metric.counter.value
                                                           : metric.gauge.value);
    }
  }
}

}  // namespace

v1::CoordinatorMetrics SnapshotOf(
    const std::vector<std::shared_ptr<prometheus::Collectable>>& metrics,
    const std::vector<std::string>& names, absl::Time now) {
  v1::CoordinatorMetrics snapshot;
  snapshot.mutable_time()->set_seconds(absl::ToUnixSeconds(now));
  snapshot.mutable_time()->set_nanos(
      static_cast<int32_t>((absl::ToUnixNanos(now) % 1'000'000'000)));
  for (const auto& collectable : metrics) {
    for (const prometheus::MetricFamily& family : collectable->Collect()) {
      if (!names.empty() && std::find(names.begin(), names.end(), family.name) == names.end()) {
        continue;
      }
      WriteFamily(family, snapshot.add_families());
    }
  }
  return snapshot;
}

}  // namespace moa
