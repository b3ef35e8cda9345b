#include "coordinator/rpc/metrics_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/coordinator/rpc/test_coordinator.h"

namespace moa {
namespace {

using testing::HasSubstr;

// Metrics with one family, called after the coordinator, with the names that were asked for as labels.
MetricsSource MetricsOf(const std::string& name) {
  return [name](const std::vector<std::string>& names) {
    v1::CoordinatorMetrics metrics;
    v1::MetricFamily* family = metrics.add_families();
    family->set_name(name);
    for (const std::string& asked : names) (*family->add_samples()->mutable_labels())[asked] = "1";
    return metrics;
  };
}

v1::GetMetricsResponse Ask(TestCoordinator& coordinator) {
  v1::GetMetricsRequest request;
  request.add_names("moa_x");
  v1::GetMetricsResponse response;
  const grpc::Status status =
      coordinator.jobs().GetMetrics(TestContext().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

TEST(MetricsQueryTest, TellsOfEveryCoordinatorAndWhoDidNotAnswer) {
  Peers peers(grpc::InsecureChannelCredentials());
  TestCoordinator other({}, &peers, MetricsOf("other"));
  TestCoordinator asked({}, &peers, MetricsOf("asked"));
  asked.coordinator().addresses().Set({{1, other.address()}, {2, "127.0.0.1:1"}});
  // It would ask back, were the question not marked.
  other.coordinator().addresses().Set({{3, asked.address()}});
  v1::GetMetricsResponse response = Ask(asked);
  ASSERT_EQ(response.coordinators_size(), 3);
  EXPECT_EQ(response.coordinators(0).address(), "");
  EXPECT_EQ(response.coordinators(0).families(0).name(), "asked");
  for (const v1::CoordinatorMetrics& one : response.coordinators()) {
    if (one.address() == "127.0.0.1:1") {
      EXPECT_THAT(one.error(), HasSubstr("no answer"));
      EXPECT_EQ(one.families_size(), 0);
    } else if (one.address() == other.address()) {
      EXPECT_EQ(one.families(0).name(), "other");
      EXPECT_EQ(one.families(0).samples(0).labels().at("moa_x"), "1");
    }
  }
}

TEST(MetricsQueryTest, ACoordinatorAloneTellsOfItself) {
  TestCoordinator coordinator({}, nullptr, MetricsOf("alone"));
  EXPECT_EQ(Ask(coordinator).coordinators_size(), 1);
}

TEST(MetricsQueryTest, WithoutMetricsThereIsNoSuchMethod) {
  TestCoordinator coordinator;
  v1::GetMetricsResponse response;
  EXPECT_EQ(coordinator.jobs().GetMetrics(TestContext().get(), {}, &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace moa
