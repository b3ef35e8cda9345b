#include "coordinator/metrics/store_metrics.h"

#include "common/metrics/level_family.h"

namespace moa {
namespace {

using prometheus::Histogram;

Histogram::BucketBoundaries CommitBuckets() {
  return {.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15};
}
Histogram::BucketBoundaries WritesBuckets() {
  return {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
}

}  // namespace

StoreMetrics::StoreMetrics()
    : commit_seconds_(prometheus::BuildHistogram()
                          .Name("moa_store_commit_seconds")
                          .Help("Seconds from the start of a group of writes until it was durable.")
                          .Register(registry_)
                          .Add({}, CommitBuckets())),
      group_writes_(
          prometheus::BuildHistogram()
              .Name("moa_store_group_writes")
              .Help("Writes in each group that became durable; more load makes larger groups.")
              .Register(registry_)
              .Add({}, WritesBuckets())),
      failures_(prometheus::BuildCounter()
                    .Name("moa_store_failures_total")
                    .Help("Groups of writes that the store refused.")
                    .Register(registry_)
                    .Add({})) {}

void StoreMetrics::Tried(size_t writes, absl::Duration took, bool ok) {
  if (!ok) return failures_.Increment();
  commit_seconds_.Observe(absl::ToDoubleSeconds(took));
  group_writes_.Observe(static_cast<double>(writes));
}

void StoreMetrics::Watch(const JobStore* store) {
  MutexLock lock(mutex_);
  store_ = store;
}

std::vector<prometheus::MetricFamily> StoreMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  MutexLock lock(mutex_);
  if (store_ == nullptr) return families;
  families.push_back(LevelFamily("moa_store_pending_writes", "Writes that are not durable yet.",
                                 {{{}, static_cast<double>(store_->PendingWrites())}}));
  families.push_back(LevelFamily("moa_store_up",
                                 "1 while the store takes jobs, else 0; /readyz says why.",
                                 {{{}, store_->Health().ok() ? 1.0 : 0.0}}));
  return families;
}

}  // namespace moa
