#pragma once

#include <prometheus/registry.h>

#include <cstddef>

#include "worker/upstream/completion.h"

namespace moa::worker {

// What Prometheus sees of a worker's graders. Owner: the Worker. The registry is thread-safe; everything else for one
// thread at a time.
class GradingMetrics {
 public:
  explicit GradingMetrics(prometheus::Registry& registry);

  void Count(const upstream::CallResult& result);
  void SetSlots(size_t used, size_t total);

 private:
  prometheus::Family<prometheus::Counter>& gradings_;
  prometheus::Histogram* seconds_;
  prometheus::Gauge* used_;
  prometheus::Gauge* free_;
};

}  // namespace moa::worker
