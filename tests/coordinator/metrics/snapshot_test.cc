#include "coordinator/metrics/snapshot.h"

#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>

namespace moa {
namespace {

TEST(SnapshotTest, IsWhatAScrapeWouldGet) {
  auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter().Name("calls").Register(*registry).Add({{"model", "m"}}).Increment(3);
  prometheus::BuildGauge().Name("level").Register(*registry).Add({}).Set(-1.5);
  prometheus::Histogram& times = prometheus::BuildHistogram().Name("times").Register(*registry).Add(
      {}, prometheus::Histogram::BucketBoundaries{1, 2});
  for (const double value : {0.5, 1.5, 1.75, 9.0}) times.Observe(value);
  const v1::CoordinatorMetrics all =
      SnapshotOf({registry}, {}, absl::FromUnixMillis(1'790'000'000'250));
  EXPECT_EQ(all.time().seconds(), 1'790'000'000);
  EXPECT_EQ(all.time().nanos(), 250'000'000);
  ASSERT_EQ(all.families_size(), 3);
  for (const v1::MetricFamily& family : all.families()) {
    ASSERT_EQ(family.samples_size(), 1);
    const v1::MetricSample& sample = family.samples(0);
    if (family.name() == "calls") {
      EXPECT_EQ(family.type(), v1::MetricFamily::COUNTER);
      EXPECT_EQ(sample.labels().at("model"), "m");
      EXPECT_EQ(sample.value(), 3);
    } else if (family.name() == "level") {
      EXPECT_EQ(family.type(), v1::MetricFamily::GAUGE);
      EXPECT_EQ(sample.value(), -1.5);
    } else {
      EXPECT_EQ(family.type(), v1::MetricFamily::HISTOGRAM);
      const v1::Distribution& distribution = sample.distribution();
      EXPECT_EQ(distribution.count(), 4u);
      EXPECT_EQ(distribution.sum(), 12.75);
      ASSERT_EQ(distribution.bounds_size(), 2);
      EXPECT_EQ(distribution.bounds(1), 2);
      EXPECT_EQ(distribution.cumulative_counts(0), 1u);
      EXPECT_EQ(distribution.cumulative_counts(1), 3u);
    }
  }
}

TEST(SnapshotTest, HasTheNamedFamiliesOnly) {
  auto registry = std::make_shared<prometheus::Registry>();
  for (const char* name : {"a", "b", "c"}) {
    prometheus::BuildCounter().Name(name).Register(*registry).Add({});
  }
  const v1::CoordinatorMetrics some = SnapshotOf({registry}, {"c", "a", "none"}, absl::UnixEpoch());
  ASSERT_EQ(some.families_size(), 2);
  EXPECT_NE(some.families(0).name(), "b");
  EXPECT_NE(some.families(1).name(), "b");
}

}  // namespace
}  // namespace moa
