#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"

namespace moa::cluster {
namespace {

using testing::ElementsAreArray;
using testing::SizeIs;

int Finished(const JobView& job) {
  int count = 0;
  for (const LayerView& layer : job.layers) {
    for (const AgentView& agent : layer.agents) count += agent.state == "SUCCEEDED";
  }
  return count;
}

void ExpectWholeWorkshopJob(const JobView& job) {
  ASSERT_EQ(job.state, "SUCCEEDED") << job.error_code << ": " << job.error_message;
  EXPECT_FALSE(job.degraded);
  ASSERT_THAT(job.layers, SizeIs(3));
  for (const AgentView& agent : job.layers[1].agents) {
    EXPECT_THAT(SawOf(agent.content), ElementsAreArray(DigestsOf(job.layers[0])));
  }
  EXPECT_THAT(SawOf(job.answer), ElementsAreArray(DigestsOf(job.layers[1])));
}

// Calls take some 0.2 to 0.7 s each, so that a moment within a job can be hit.
const Args kUnhurried = {"--time-scale", "4"};

// The moment: after how many finished tasks of seven the coordinator is killed.
class CoordinatorCrashMomentTest : public testing::TestWithParam<int> {
 protected:
  MiniCluster cluster_;
};

// The worker lives on: it keeps its running calls and the results that were not yet known to be
// durable, so not one call is made twice, whatever the moment.
TEST_P(CoordinatorCrashMomentTest, JobGoesOnWithoutRepeatingACall) {
  cluster_.StartAll(1, kUnhurried);
  const std::string id = cluster_.Submit(cluster_.JobFile("a.yaml", kWorkshopJob));
  ASSERT_TRUE(WaitUntil([&] { return Finished(cluster_.Get(id)) >= GetParam(); }));
  cluster_.coordinator().Kill();
  cluster_.StartCoordinator();

  ExpectWholeWorkshopJob(cluster_.WaitForEnd(id));
  EXPECT_EQ(cluster_.UpstreamCalls(), 7);
}

INSTANTIATE_TEST_SUITE_P(AfterFinishedTasks, CoordinatorCrashMomentTest,
                         testing::Values(0, 1, 3, 4, 6));

class CoordinatorCrashTest : public testing::Test {
 protected:
  MiniCluster cluster_;
};

// A restart is quicker than a call: the call goes on and is the job's only one.
TEST_F(CoordinatorCrashTest, RunningCallSurvivesARestart) {
  cluster_.StartAll(1, {"--time-scale", "0", "--fault", "slow=3s,first=1"});
  const std::string id = cluster_.Submit(cluster_.JobFile("a.yaml", kSingleCallJob));
  ASSERT_TRUE(WaitUntil([&] { return cluster_.UpstreamCalls() == 1; }));
  cluster_.coordinator().Kill();
  cluster_.StartCoordinator();
  const JobView job = cluster_.WaitForEnd(id);
  EXPECT_EQ(job.state, "SUCCEEDED");
  EXPECT_EQ(cluster_.UpstreamCalls(), 1);
}

// Coordinator and worker die together: the simulator's record shows that no prompt of a finished
// task was sent again; what was under way is.
TEST_F(CoordinatorCrashTest, FinishedTasksAreNotCalledAgainWhenTheWorkerDiesToo) {
  cluster_.StartAll(1, kUnhurried);
  const std::string id = cluster_.Submit(cluster_.JobFile("a.yaml", kWorkshopJob));
  // One of round 2 has ended, a fifth of a second after the last of round 1: round 1 is on disk.
  ASSERT_TRUE(WaitUntil([&] { return Finished(cluster_.Get(id)) >= 4; }));
  cluster_.coordinator().Kill();
  cluster_.process("worker-1").Kill();
  const std::vector<std::string> before = cluster_.DigestsCalled();
  cluster_.StartCoordinator();
  cluster_.StartWorker("worker-1");

  const JobView job = cluster_.WaitForEnd(id);
  ExpectWholeWorkshopJob(job);
  const std::vector<std::string> all = cluster_.DigestsCalled();
  const std::vector<std::string> after(all.begin() + static_cast<ptrdiff_t>(before.size()),
                                       all.end());
  for (const std::string& digest : DigestsOf(job.layers[0])) {
    EXPECT_THAT(before, testing::Contains(digest));
    EXPECT_THAT(after, testing::Not(testing::Contains(digest)));
  }
}

// Many jobs, the coordinator killed again and again: each acknowledged job ends once, none is lost.
TEST_F(CoordinatorCrashTest, EveryAcknowledgedJobEndsThroughRepeatedCrashes) {
  constexpr int kCrashes = 4;
  constexpr int kWorkers = 2;
  cluster_.StartAll(kWorkers, {"--time-scale", "1"});
  const std::string file = cluster_.JobFile("a.yaml", kWorkshopJob);
  std::vector<std::string> ids;
  for (int crash = 0; crash < kCrashes; ++crash) {
    for (int i = 0; i < 4; ++i) {
      ids.push_back(cluster_.Submit(file, {"--prompt", absl::StrCat("Question ", ids.size())}));
    }
    cluster_.coordinator().Kill();
    cluster_.StartCoordinator();
  }
  for (const std::string& id : ids)
    ExpectWholeWorkshopJob(cluster_.WaitForEnd(id, absl::Seconds(60)));
  // A stage that was begun in the milliseconds before a crash, on results that were not on disk
  // yet, may be begun anew: at most three calls of it for each crash and worker.
  const auto needed = static_cast<int64_t>(7 * ids.size());
  EXPECT_GE(cluster_.UpstreamCalls(), needed);
  EXPECT_LE(cluster_.UpstreamCalls(), needed + 3 * kCrashes * kWorkers);
}

// A watcher reconnects over a restart and sees the job's end.
TEST_F(CoordinatorCrashTest, WatcherComesBackAfterARestart) {
  cluster_.StartAll(1, kUnhurried);
  const std::string id = cluster_.Submit(cluster_.JobFile("a.yaml", kWorkshopJob));
  Process& watcher = cluster_.Start("watcher", "moactl", {"watch", id},
                                    {{"MOA_COORDINATOR", cluster_.coordinator_address()}});
  ASSERT_TRUE(WaitUntil([&] { return Finished(cluster_.Get(id)) >= 1; }));
  cluster_.coordinator().Kill();
  cluster_.StartCoordinator();
  EXPECT_EQ(watcher.Wait(), 0) << watcher.Log();
  EXPECT_EQ(cluster_.Get(id).state, "SUCCEEDED");
}

}  // namespace
}  // namespace moa::cluster
