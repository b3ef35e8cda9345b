#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"

namespace moa::cluster {
namespace {

using testing::SizeIs;

// The first call takes long, later ones no time: whoever got the first is in the middle of it.
class WorkerFaultTest : public testing::Test {
 protected:
  void StartWithSlowFirstCall(absl::string_view delay) {
    cluster_.StartSimulator(
        {"--time-scale", "0", "--fault", absl::StrCat("slow=", delay, ",first=1")});
    cluster_.StartCoordinator();
    cluster_.StartWorker("first");
    cluster_.WaitForWorkers(1);
    job_ = cluster_.Submit(cluster_.JobFile("a.yaml", kSingleCallJob));
    ASSERT_TRUE(WaitUntil([&] { return cluster_.UpstreamCalls() == 1; }));
  }

  MiniCluster cluster_;
  std::string job_;
};

TEST_F(WorkerFaultTest, TaskOfAKilledWorkerGoesElsewhereAndTheJobEnds) {
  StartWithSlowFirstCall("1h");
  cluster_.StartWorker("second");
  cluster_.WaitForWorkers(2);
  cluster_.process("first").Kill();

  const JobView job = cluster_.WaitForEnd(job_);
  EXPECT_EQ(job.state, "SUCCEEDED") << job.error_message;
  ASSERT_THAT(job.layers, SizeIs(1));
  EXPECT_EQ(job.layers[0].agents[0].attempts, 2);
  EXPECT_EQ(cluster_.UpstreamCalls(), 2);
  cluster_.WaitForWorkers(1);
}

// The only worker dies; the job waits for the next one to come.
TEST_F(WorkerFaultTest, JobWaitsForAWorkerToComeBack) {
  StartWithSlowFirstCall("1h");
  cluster_.process("first").Kill();
  cluster_.WaitForWorkers(0);
  EXPECT_THAT(cluster_.Get(job_).state, testing::AnyOf("QUEUED", "RUNNING"));
  cluster_.StartWorker("second");
  EXPECT_EQ(cluster_.WaitForEnd(job_).state, "SUCCEEDED");
}

// A worker that is alive and deaf (stopped, its connection open) loses its task after the silence
// limit; when it comes back with a late result, the job keeps the one that it has.
TEST_F(WorkerFaultTest, TaskOfADeafWorkerGoesElsewhere) {
  StartWithSlowFirstCall("500ms");
  cluster_.process("first").Signal(SIGSTOP);
  cluster_.StartWorker("second");

  const JobView job = cluster_.WaitForEnd(job_, absl::Seconds(90));
  EXPECT_EQ(job.state, "SUCCEEDED") << job.error_message;
  EXPECT_EQ(cluster_.UpstreamCalls(), 2);

  cluster_.process("first").Signal(SIGCONT);
  cluster_.WaitForWorkers(2);
  EXPECT_EQ(cluster_.Get(job_).answer, job.answer);
}

}  // namespace
}  // namespace moa::cluster
