#pragma once

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <array>
#include <cstddef>
#include <vector>

namespace moa {

// What Prometheus sees of the export of traces. Owner: main. Thread-safe.
class TraceMetrics final : public prometheus::Collectable {
 public:
  // Why a trace was dropped.
  enum Drop { kQueueFull = 0, kRefused, kUnreachable };

  TraceMetrics();

  void Exported(size_t traces) { exported_.Increment(static_cast<double>(traces)); }
  void Dropped(size_t traces, Drop why) {
    dropped_.at(why)->Increment(static_cast<double>(traces));
  }

  std::vector<prometheus::MetricFamily> Collect() const override { return registry_.Collect(); }

 private:
  prometheus::Registry registry_;
  prometheus::Counter& exported_;
  std::array<prometheus::Counter*, 3> dropped_;
};

}  // namespace moa
