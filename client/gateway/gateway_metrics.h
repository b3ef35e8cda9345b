#pragma once

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/gateway/routes.h"
#include "common/loop/mutex.h"

namespace moa::gateway {

// What Prometheus sees of the gateway. Labels are bounded: routes are those of the table, statuses those that the
// gateway itself gives.
//
// Owner: the composition root. Thread-safe.
class GatewayMetrics final : public prometheus::Collectable {
 public:
  GatewayMetrics();

  void RequestBegan();
  // `status` 499: the client went away first.
  void RequestEnded(Route route, int status, absl::Duration took);
  void StreamBegan() { streams_.Increment(); }
  void StreamEnded() { streams_.Decrement(); }
  void FirstToken(absl::Duration after) { first_token_.Observe(absl::ToDoubleSeconds(after)); }

  std::vector<prometheus::MetricFamily> Collect() const override { return registry_.Collect(); }

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Gauge& open_;
  prometheus::Gauge& streams_;
  prometheus::Histogram& first_token_;
  std::array<prometheus::Histogram*, kRoutes> durations_{};
  Mutex mutex_;
  std::map<std::pair<Route, int>, prometheus::Counter*> counters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moa::gateway
