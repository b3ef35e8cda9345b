// Jobs whose store is a PostgreSQL server: through crashes of the coordinator, and of the server.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"
#include "tests/postgres/postgres_server.h"

namespace moa::cluster {
namespace {

class PostgresClusterTest : public testing::Test {
 protected:
  // Without second calls beside slow ones, so that calls can be counted.
  Args Store() const { return {"--store", url_, "--hedge=false"}; }
  void StartAll(const Args& simulator_args) {
    cluster_.StartSimulator(simulator_args);
    cluster_.StartCoordinator(Store());
    cluster_.StartWorker();
    cluster_.WaitForWorkers(1);
  }
  int Finished(const std::string& id) {
    int count = 0;
    for (const LayerView& layer : cluster_.Get(id).layers) {
      for (const AgentView& agent : layer.agents) count += agent.state == "SUCCEEDED";
    }
    return count;
  }

  PostgresServer server_;
  const std::string url_ = server_.NewDatabase();
  MiniCluster cluster_;
};

TEST_F(PostgresClusterTest, AKilledCoordinatorGoesOnWithoutRepeatingACall) {
  StartAll({"--time-scale", "4"});
  const std::string id = cluster_.Submit(cluster_.JobFile("a.yaml", kWorkshopJob));
  ASSERT_TRUE(WaitUntil([&] { return Finished(id) >= 3; }));
  cluster_.coordinator().Kill();
  cluster_.StartCoordinator(Store());
  EXPECT_EQ(cluster_.WaitForEnd(id).state, "SUCCEEDED");
  EXPECT_EQ(cluster_.UpstreamCalls(), 7);
}

TEST_F(PostgresClusterTest, EveryAcknowledgedJobEndsThroughRestartsOfTheServer) {
  StartAll({"--time-scale", "1"});
  const std::string file = cluster_.JobFile("a.yaml", kWorkshopJob);
  std::vector<std::string> ids;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) {
      ids.push_back(cluster_.Submit(file, {"--prompt", absl::StrCat("Question ", ids.size())}));
    }
    if (round == 0) server_.EndConnections("jobs1");
    if (round == 1) server_.Stop();
    if (round == 2) server_.Kill();
    if (round == 0) continue;
    // Not ready while the store is away, and back by itself.
    const std::string metrics = cluster_.coordinator().Address("metrics");
    EXPECT_TRUE(WaitUntil([&] { return HttpCall(metrics, "GET", "/readyz").status == 503; }));
    server_.Start();
    EXPECT_TRUE(WaitUntil([&] { return HttpCall(metrics, "GET", "/readyz").status == 200; }));
  }
  for (const std::string& id : ids) {
    EXPECT_EQ(cluster_.WaitForEnd(id, absl::Seconds(60)).state, "SUCCEEDED");
  }
  EXPECT_EQ(cluster_.UpstreamCalls(), static_cast<int64_t>(7 * ids.size()));
}

}  // namespace
}  // namespace moa::cluster
