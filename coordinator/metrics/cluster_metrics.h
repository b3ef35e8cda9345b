#pragma once

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <vector>

#include "common/loop/mutex.h"
#include "coordinator/runtime/membership_observer.h"

namespace moa {

// What Prometheus sees of a coordinator's place among those that share its store. Owner: main. Thread-safe.
class ClusterMetrics final : public prometheus::Collectable, public MembershipObserver {
 public:
  ClusterMetrics();

  void Renewed(bool ok, absl::Duration took, absl::Time lease_until) override;
  void MembersSeen(size_t living, size_t dead) override;
  void Buried(size_t members) override;
  void JobsClaimed(size_t jobs) override;
  void JobsGivenUp(size_t jobs) override;

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& renewals_;
  prometheus::Counter& renewed_;
  prometheus::Counter& not_renewed_;
  prometheus::Histogram& renewal_seconds_;
  prometheus::Counter& buried_;
  prometheus::Counter& claimed_;
  prometheus::Counter& given_up_;
  mutable Mutex mutex_;
  absl::Time lease_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  size_t living_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t dead_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace moa
