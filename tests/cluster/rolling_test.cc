// Programs restarted one after another under load, as an operator does who brings a new version: no client notices, and
// no call is made twice.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/lib/moa_client.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/steady_load.h"
#include "tests/postgres/postgres_server.h"

namespace moa::cluster {
namespace {

using testing::IsEmpty;

class RollingTest : public testing::Test {
 protected:
  static constexpr int kClients = 6;
  static constexpr int kWorkers = 2;

  // Each call takes a moment, so that some are under way whenever something is restarted.
  void StartSimulator() { cluster_.StartSimulator({"--time-scale", "0", "--fault", "slow=300ms"}); }
  void StartWorkers() {
    for (int i = 1; i <= kWorkers; ++i) cluster_.StartWorker(absl::StrCat("worker-", i));
  }
  // Until the coordinator there has all workers.
  void WaitForWorkersAt(const std::string& address) {
    size_t found = 0;
    EXPECT_TRUE(WaitUntil([&] {
      const std::string listed =
          cluster_.Moactl({"workers", "-o", "json", "--coordinator", address}).out;
      found = 0;
      for (size_t at = 0; (at = listed.find("\"worker_id\"", at)) != std::string::npos; ++at) {
        ++found;
      }
      return found == kWorkers;
    })) << found
        << " workers at " << address;
  }
  // The load's jobs are all there is, each has ended well, and each of their calls was made once.
  void ExpectNothingLost(const SteadyLoad::Tally& tally) {
    EXPECT_THAT(tally.failures, IsEmpty());
    EXPECT_EQ(tally.succeeded, tally.submitted);
    const auto client = Client::Connect({.address = cluster_.coordinator_address()});
    ASSERT_TRUE(client.ok());
    int64_t listed = 0;
    EXPECT_TRUE((*client)
                    ->List({},
                           [&](const v1::JobSummary& job) {
                             EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.job_id();
                             ++listed;
                             return true;
                           })
                    .ok());
    EXPECT_EQ(listed, tally.submitted) << "a job was made twice or is missing";
    const std::vector<std::string> digests = cluster_.DigestsCalled();
    const std::set<std::string> different(digests.begin(), digests.end());
    EXPECT_EQ(digests.size(), different.size()) << "prompts were sent twice";
    EXPECT_EQ(cluster_.UpstreamCalls(), tally.submitted * SteadyLoad::kCallsPerJob);
    EXPECT_EQ(cluster_.UpstreamCallsClosedByClient(), 0);
  }

  MiniCluster cluster_;
};

TEST_F(RollingTest, CoordinatorsOnPostgresAndWorkersRestartUnnoticed) {
  PostgresServer server;
  const std::string url = server.NewDatabase();
  const auto start = [&](const std::string& name) {
    cluster_.StartReplica(name, {"--store", url, "--hedge=false"});
  };
  StartSimulator();
  for (const char* name : {"a", "b"}) start(name);
  StartWorkers();
  for (const char* name : {"a", "b"}) WaitForWorkersAt(cluster_.replica_address(name));

  SteadyLoad load(cluster_.coordinator_address(), kClients);
  EXPECT_TRUE(load.WaitForMore(kClients));
  for (const char* name : {"a", "b"}) {
    EXPECT_EQ(cluster_.process(name).Terminate(), 0);
    EXPECT_TRUE(load.WaitForMore(kClients)) << "without " << name;
    start(name);
    WaitForWorkersAt(cluster_.replica_address(name));
    EXPECT_TRUE(load.WaitForMore(kClients));
  }
  for (const char* name : {"worker-1", "worker-2"}) {
    EXPECT_EQ(cluster_.process(name).Terminate(), 0);
    cluster_.StartWorker(name);
    for (const char* at : {"a", "b"}) WaitForWorkersAt(cluster_.replica_address(at));
    EXPECT_TRUE(load.WaitForMore(kClients));
  }
  ExpectNothingLost(load.Stop());
}

// Alone there is nobody to answer meanwhile: the client asks again until it is back.
TEST_F(RollingTest, ACoordinatorOnSqliteRestartsWithinTheClientsPatience) {
  StartSimulator();
  cluster_.StartCoordinator({"--hedge=false", "--drain-timeout", "1s"});
  StartWorkers();
  cluster_.WaitForWorkers(kWorkers);

  SteadyLoad load(cluster_.coordinator_address(), kClients);
  EXPECT_TRUE(load.WaitForMore(kClients));
  EXPECT_EQ(cluster_.coordinator().Terminate(), 0);
  cluster_.StartCoordinator({"--hedge=false"});
  WaitForWorkersAt(cluster_.coordinator_address());
  EXPECT_TRUE(load.WaitForMore(kClients));
  ExpectNothingLost(load.Stop());
}

}  // namespace
}  // namespace moa::cluster
