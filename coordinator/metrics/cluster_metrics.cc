#include "coordinator/metrics/cluster_metrics.h"

#include <algorithm>

#include "common/loop/loop.h"
#include "common/metrics/level_family.h"

namespace moa {
namespace {

prometheus::Counter& Count(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

ClusterMetrics::ClusterMetrics()
    : renewals_(prometheus::BuildCounter()
                    .Name("moa_lease_renewals_total")
                    .Help("Times that this coordinator tried to renew its lease; served where "
                          "several can share a store.")
                    .Register(registry_)),
      renewed_(renewals_.Add({{"outcome", "ok"}})),
      not_renewed_(renewals_.Add({{"outcome", "failed"}})),
      renewal_seconds_(
          prometheus::BuildHistogram()
              .Name("moa_lease_renewal_seconds")
              .Help("Seconds that renewing the lease took, failed renewals included.")
              .Register(registry_)
              .Add({}, prometheus::Histogram::BucketBoundaries{.001, .0025, .005, .01, .025, .05,
                                                               .1, .25, .5, 1, 2.5, 5})),
      buried_(Count(registry_, "moa_coordinators_declared_dead_total",
                    "Coordinators that this one declared dead because their lease had ended.")),
      claimed_(Count(registry_, "moa_jobs_claimed_total",
                     "Unfinished jobs that this coordinator took over from others.")),
      given_up_(Count(registry_, "moa_jobs_given_up_total",
                      "Unfinished jobs that this coordinator gave to others.")) {}

void ClusterMetrics::Renewed(bool ok, absl::Duration took, absl::Time lease_until) {
  (ok ? renewed_ : not_renewed_).Increment();
  renewal_seconds_.Observe(absl::ToDoubleSeconds(took));
  if (!ok) return;
  MutexLock lock(mutex_);
  lease_until_ = lease_until;
}

void ClusterMetrics::MembersSeen(size_t living, size_t dead) {
  MutexLock lock(mutex_);
  living_ = living;
  dead_ = dead;
}

void ClusterMetrics::Buried(size_t members) { buried_.Increment(static_cast<double>(members)); }
void ClusterMetrics::JobsClaimed(size_t jobs) { claimed_.Increment(static_cast<double>(jobs)); }
void ClusterMetrics::JobsGivenUp(size_t jobs) { given_up_.Increment(static_cast<double>(jobs)); }

std::vector<prometheus::MetricFamily> ClusterMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  MutexLock lock(mutex_);
  const double left = absl::ToDoubleSeconds(
      std::max(absl::ZeroDuration(), lease_until_ - std::min(lease_until_, Loop::Now())));
  families.push_back(LevelFamily(
      "moa_lease_remaining_seconds",
      "Seconds for which this coordinator may still act for its jobs without renewing its lease.",
      {{{}, left}}));
  families.push_back(LevelFamily("moa_coordinators",
                                 "Coordinators of the store: living ones, and dead ones with jobs "
                                 "that nobody has taken up yet.",
                                 {{{{"state", "living"}}, static_cast<double>(living_)},
                                  {{{"state", "dead"}}, static_cast<double>(dead_)}}));
  return families;
}

}  // namespace moa
