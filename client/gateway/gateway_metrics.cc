#include "client/gateway/gateway_metrics.h"

#include <string>

#include "common/metrics/build_info.h"

namespace moa::gateway {
namespace {

const prometheus::Histogram::BucketBoundaries& Buckets() {
  static const prometheus::Histogram::BucketBoundaries buckets = {
      .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40, 80, 160};
  return buckets;
}

prometheus::Gauge& Gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

GatewayMetrics::GatewayMetrics()
    : requests_(prometheus::BuildCounter()
                    .Name("moa_gateway_requests_total")
                    .Help("Requests that ended, by route and status; 499: the client went away "
                          "before the answer's end.")
                    .Register(registry_)),
      open_(Gauge(registry_, "moa_gateway_requests_open", "Requests that have not ended.")),
      streams_(Gauge(registry_, "moa_gateway_streams_open",
                     "Answers that are being streamed to their clients.")),
      first_token_(
          prometheus::BuildHistogram()
              .Name("moa_gateway_time_to_first_token_seconds")
              .Help("Seconds from a streamed chat request to the first token of its answer.")
              .Register(registry_)
              .Add({}, Buckets())) {
  AddBuildInfo(registry_, "moa-gateway");
  auto& durations = prometheus::BuildHistogram()
                        .Name("moa_gateway_request_duration_seconds")
                        .Help("Seconds from a request's arrival to the end of its answer.")
                        .Register(registry_);
  const MutexLock lock(mutex_);
  for (int i = 0; i < kRoutes; ++i) {
    const auto route = static_cast<Route>(i);
    durations_[static_cast<size_t>(i)] = &durations.Add({{"route", RouteName(route)}}, Buckets());
    const int usual = route == Route::kOther ? 404 : 200;
    counters_[{route, usual}] =
        &requests_.Add({{"route", RouteName(route)}, {"status", std::to_string(usual)}});
  }
}

void GatewayMetrics::RequestBegan() { open_.Increment(); }

void GatewayMetrics::RequestEnded(Route route, int status, absl::Duration took) {
  open_.Decrement();
  durations_[static_cast<size_t>(route)]->Observe(absl::ToDoubleSeconds(took));
  const MutexLock lock(mutex_);
  prometheus::Counter*& counter = counters_[{route, status}];
  if (counter == nullptr) {
    counter = &requests_.Add({{"route", RouteName(route)}, {"status", std::to_string(status)}});
  }
  counter->Increment();
}

}  // namespace moa::gateway
