#pragma once

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <vector>

#include "absl/time/time.h"
#include "common/loop/mutex.h"
#include "coordinator/store/job_store.h"

namespace moa {

// What Prometheus sees of a store: its groups of writes as they were tried, and at each scrape what waits and whether
// it takes jobs. Owner: main. Thread-safe.
class StoreMetrics final : public prometheus::Collectable {
 public:
  StoreMetrics();

  // StoreHooks::tried.
  void Tried(size_t writes, absl::Duration took, bool ok);
  // From now on this store is asked at scrapes; null: none. Borrowed.
  void Watch(const JobStore* store);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  prometheus::Registry registry_;
  prometheus::Histogram& commit_seconds_;
  prometheus::Histogram& group_writes_;
  prometheus::Counter& failures_;
  mutable Mutex mutex_;
  const JobStore* store_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace moa
