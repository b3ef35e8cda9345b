#include "client/json/metrics_json.h"

#include <algorithm>
#include <map>

#include "client/json/object_writer.h"

namespace moa {
namespace {

const char* TypeName(v1::MetricFamily::Type type) {
  switch (type) {
    case v1::MetricFamily::COUNTER:
      return "counter";
    case v1::MetricFamily::GAUGE:
      return "gauge";
    case v1::MetricFamily::HISTOGRAM:
      return "histogram";
    default:
      return "other";
  }
}

void WriteSample(const v1::MetricSample& sample, ObjectWriter& out) {
  out.BeginObject();
  out.BeginObject("labels");
  for (const auto& [name, value] :
       std::map<std::string, std::string>(sample.labels().begin(), sample.labels().end())) {
    out.Text(name.c_str(), value);
  }
  out.EndObject();
  if (sample.has_distribution()) {
    const v1::Distribution& all = sample.distribution();
    out.Count("count", all.count());
    out.Number("sum", all.sum());
    out.BeginArray("buckets");
    for (int i = 0; i < std::min(all.bounds_size(), all.cumulative_counts_size()); ++i) {
      out.BeginArray(nullptr);
      out.Number(nullptr, all.bounds(i));
      out.Count(nullptr, all.cumulative_counts(i));
      out.EndArray();
    }
    out.EndArray();
  } else {
    out.Number("value", sample.value());
  }
  out.EndObject();
}

}  // namespace

std::string MetricsJson(const v1::GetMetricsResponse& metrics) {
  ObjectWriter out;
  out.BeginObject();
  out.BeginArray("coordinators");
  for (const v1::CoordinatorMetrics& coordinator : metrics.coordinators()) {
    out.BeginObject();
    out.Text("address", coordinator.address());
    out.Time("time", coordinator.time());
    out.BeginArray("families");
    for (const v1::MetricFamily& family : coordinator.families()) {
      out.BeginObject();
      out.Text("name", family.name());
      out.Text("type", TypeName(family.type()));
      out.BeginArray("samples");
      for (const v1::MetricSample& sample : family.samples()) WriteSample(sample, out);
      out.EndArray();
      out.EndObject();
    }
    out.EndArray();
    if (!coordinator.error().empty()) out.Text("error", coordinator.error());
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  return out.Take();
}

}  // namespace moa
