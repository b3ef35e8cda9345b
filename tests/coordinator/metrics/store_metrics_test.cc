#include "coordinator/metrics/store_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include "common/loop/loop.h"
#include "coordinator/metrics/cluster_metrics.h"
#include "tests/coordinator/store/memory_job_store.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string Scrape(const prometheus::Collectable& metrics) {
  return prometheus::TextSerializer().Serialize(metrics.Collect());
}

TEST(StoreMetricsTest, TellsOfGroupsAndOfTheStoreAsItIs) {
  StoreMetrics metrics;
  EXPECT_THAT(Scrape(metrics), Not(HasSubstr("moa_store_up")));
  metrics.Tried(3, absl::Milliseconds(2), true);
  metrics.Tried(5, absl::Seconds(1), false);
  MemoryJobStore store;
  metrics.Watch(&store);
  EXPECT_THAT(
      Scrape(metrics),
      AllOf(HasSubstr("moa_store_commit_seconds_sum 0.002\n"),
            HasSubstr("moa_store_group_writes_sum 3\n"), HasSubstr("moa_store_failures_total 1\n"),
            HasSubstr("moa_store_pending_writes 0\n"), HasSubstr("moa_store_up 1\n")));
  store.SetHealth(absl::UnavailableError("full"));
  EXPECT_THAT(Scrape(metrics), HasSubstr("moa_store_up 0\n"));
}

TEST(ClusterMetricsTest, TellsOfTheLeaseAndOfTheOthers) {
  ClusterMetrics metrics;
  EXPECT_THAT(Scrape(metrics), HasSubstr("moa_lease_remaining_seconds 0\n"));
  metrics.Renewed(true, absl::Milliseconds(4), Loop::Now() + absl::Hours(1));
  metrics.Renewed(false, absl::Seconds(2), Loop::Now());
  metrics.MembersSeen(3, 1);
  metrics.Buried(1);
  metrics.JobsClaimed(40);
  metrics.JobsGivenUp(2);
  EXPECT_THAT(Scrape(metrics), AllOf(HasSubstr("moa_lease_remaining_seconds 3599."),
                                     HasSubstr("moa_lease_renewals_total{outcome=\"failed\"} 1\n"),
                                     HasSubstr("moa_lease_renewal_seconds_count 2\n"),
                                     HasSubstr("moa_coordinators{state=\"living\"} 3\n"),
                                     HasSubstr("moa_coordinators_declared_dead_total 1\n"),
                                     HasSubstr("moa_jobs_claimed_total 40\n"),
                                     HasSubstr("moa_jobs_given_up_total 2\n")));
}

}  // namespace
}  // namespace moa
