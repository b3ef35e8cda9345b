#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"

namespace moa::cluster {
namespace {

using testing::HasSubstr;

class ShutdownTest : public testing::Test {
 protected:
  // Submits a job of one call and waits until the call has begun.
  std::string SubmitAndWaitForTheCall() {
    const std::string id = cluster_.Submit(cluster_.JobFile("a.yaml", kSingleCallJob));
    EXPECT_TRUE(WaitUntil([&] { return cluster_.UpstreamCalls() == 1; }));
    return id;
  }

  MiniCluster cluster_;
};

TEST_F(ShutdownTest, IdleProgramsEndWithStatus0OnSigterm) {
  cluster_.StartAll(1);
  EXPECT_EQ(cluster_.process("worker-1").Terminate(), 0);
  EXPECT_EQ(cluster_.coordinator().Terminate(), 0);
  EXPECT_EQ(cluster_.simulator().Terminate(), 0);
}

// A worker told to end finishes the call that it is in, hands the result over, and ends with 0.
TEST_F(ShutdownTest, DrainingWorkerFinishesItsCall) {
  cluster_.StartAll(1, {"--time-scale", "0", "--fault", "slow=1500ms"});
  const std::string id = SubmitAndWaitForTheCall();
  EXPECT_EQ(cluster_.process("worker-1").Terminate(), 0);
  const JobView job = cluster_.WaitForEnd(id);
  EXPECT_EQ(job.state, "SUCCEEDED") << job.error_message;
  EXPECT_EQ(cluster_.UpstreamCalls(), 1);
}

// A coordinator told to end does so with 0 within its drain time; a job that had not ended goes on
// with the next one, its call not repeated.
TEST_F(ShutdownTest, JobOfADrainedCoordinatorGoesOnWithTheNext) {
  cluster_.StartSimulator({"--time-scale", "0", "--fault", "slow=3s"});
  cluster_.StartCoordinator({"--drain-timeout", "500ms"});
  cluster_.StartWorker();
  cluster_.WaitForWorkers(1);
  const std::string id = SubmitAndWaitForTheCall();
  EXPECT_EQ(cluster_.coordinator().Terminate(), 0);
  cluster_.StartCoordinator();
  EXPECT_EQ(cluster_.WaitForEnd(id).state, "SUCCEEDED");
  EXPECT_EQ(cluster_.UpstreamCalls(), 1);
}

// While it drains, a second signal ends a program at once.
TEST_F(ShutdownTest, SecondSignalEndsAProgramAtOnce) {
  cluster_.StartAll(1, {"--time-scale", "0", "--fault", "hang"});
  SubmitAndWaitForTheCall();
  Process& worker = cluster_.process("worker-1");
  worker.Signal(SIGTERM);
  // Its drain lasts 30 s by default, so it is still there.
  EXPECT_EQ(worker.Wait(absl::Milliseconds(300)), std::nullopt) << worker.Log();
  worker.Signal(SIGTERM);
  EXPECT_EQ(worker.Wait(absl::Seconds(5)), 128 + SIGTERM);
}

// Cancelling reaches the provider: the simulator sees its client close the connection.
TEST_F(ShutdownTest, CancellingAJobClosesItsCall) {
  cluster_.StartAll(1, {"--time-scale", "0", "--fault", "hang"});
  const std::string id = SubmitAndWaitForTheCall();
  const CommandResult cancelled = cluster_.Moactl({"cancel", id, "-o", "json"});
  EXPECT_EQ(cancelled.status, 0) << cancelled.err;
  EXPECT_EQ(cluster_.Get(id).state, "CANCELLED");
  EXPECT_TRUE(WaitUntil([&] { return cluster_.UpstreamCallsClosedByClient() == 1; }));
  // The slot is free again.
  EXPECT_TRUE(WaitUntil([&] {
    return testing::Value(cluster_.Moactl({"workers", "-o", "json"}).out,
                          HasSubstr("\"slots_used\": 0")) ||
           testing::Value(cluster_.Moactl({"workers", "-o", "json"}).out,
                          HasSubstr("\"slots_used\":0"));
  }));
  // Once more changes nothing.
  EXPECT_EQ(cluster_.Moactl({"cancel", id}).status, 0);
}

}  // namespace
}  // namespace moa::cluster
