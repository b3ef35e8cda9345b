// Several coordinators on one PostgreSQL: any of them answers, and what one of them leaves behind goes on at another.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"
#include "tests/postgres/postgres_server.h"

namespace moa::cluster {
namespace {

using testing::HasSubstr;

class ReplicasTest : public testing::Test {
 protected:
  // Without second calls beside slow ones, so that calls can be counted.
  void StartReplica(const std::string& name) {
    cluster_.StartReplica(name, {"--store", url_, "--hedge=false", "--lease", "2s"});
  }
  void StartAll(const Args& simulator_args) {
    cluster_.StartSimulator(simulator_args);
    StartReplica("a");
    StartReplica("b");
    cluster_.StartWorker();
    for (const char* name : {"a", "b"}) {
      EXPECT_TRUE(WaitUntil([&] {
        return At(name, {"workers", "-o", "json"}).out.find("worker_id") != std::string::npos;
      }));
    }
  }
  // moactl against this coordinator alone.
  CommandResult At(const std::string& name, Args args) {
    args.insert(args.end(), {"--coordinator", cluster_.replica_address(name)});
    return cluster_.Moactl(args);
  }
  std::string SubmitAt(const std::string& name, const std::string& prompt) {
    return cluster_.Submit(cluster_.JobFile("job.yaml", kWorkshopJob),
                           {"--prompt", prompt, "--coordinator", cluster_.replica_address(name)});
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

TEST_F(ReplicasTest, AnyCoordinatorAnswersForAnyJob) {
  StartAll({"--time-scale", "4"});
  const std::string id = SubmitAt("a", "Where to?");
  // A running job's state is its owner's.
  ASSERT_TRUE(WaitUntil([&] { return Finished(id) >= 2; }));
  const CommandResult watched = At("b", {"watch", id, "-o", "json"});
  EXPECT_EQ(watched.status, 0) << watched.err;
  EXPECT_THAT(watched.out, HasSubstr("SUCCEEDED"));
  EXPECT_EQ(At("b", {"get", id}).status, 0);
  EXPECT_EQ(cluster_.UpstreamCalls(), 7);

  const std::string other = SubmitAt("b", "And then?");
  const CommandResult cancelled = At("a", {"cancel", other, "-o", "json"});
  EXPECT_THAT(cancelled.out, HasSubstr("CANCELLED")) << cancelled.err;
  EXPECT_EQ(cluster_.Get(other).state, "CANCELLED");
  EXPECT_NE(At("a", {"get", "00000000000000000000000000"}).status, 0);
}

TEST_F(ReplicasTest, TheSameKeyMakesOneJobWhereverItIsSubmitted) {
  StartAll({"--time-scale", "0"});
  const std::string file = cluster_.JobFile("job.yaml", kWorkshopJob);
  const auto submit = [&](const std::string& name) {
    return cluster_.Submit(
        file, {"--idempotency-key", "once", "--coordinator", cluster_.replica_address(name)});
  };
  const std::string id = submit("a");
  EXPECT_EQ(submit("b"), id);
  EXPECT_EQ(cluster_.WaitForEnd(id).state, "SUCCEEDED");
}

TEST_F(ReplicasTest, JobsOfAKilledCoordinatorEndAtTheOther) {
  StartAll({"--time-scale", "4"});
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(SubmitAt("a", absl::StrCat("Question ", i)));
  ASSERT_TRUE(WaitUntil([&] { return Finished(ids[0]) >= 2; }));
  cluster_.process("a").Kill();
  for (const std::string& id : ids) EXPECT_EQ(cluster_.WaitForEnd(id).state, "SUCCEEDED");
  // The calls that ran when it died go on, and their results are taken; all but those of a layer that it had started in
  // its last milliseconds, before the disk had that.
  const std::vector<std::string> words =
      absl::StrSplit(cluster_.process("worker").Log(), absl::MaxSplits("running=", 1));
  ASSERT_EQ(words.size(), 2u);
  const int running = std::atoi(words[1].c_str());
  EXPECT_GT(running, 0);
  EXPECT_GE(cluster_.UpstreamCalls(), 28);
  EXPECT_LE(cluster_.UpstreamCalls(), 28 + std::max(3, running - 1));
}

TEST_F(ReplicasTest, AWatchGoesOnWhenTheOwnerOfItsJobIsKilled) {
  StartAll({"--time-scale", "4"});
  const std::string id = SubmitAt("a", "Where to?");
  ASSERT_TRUE(WaitUntil([&] { return Finished(id) >= 2; }));
  Process& watch =
      cluster_.Start("watch", "moactl",
                     {"watch", id, "-o", "json", "--coordinator", cluster_.replica_address("b")});
  ASSERT_TRUE(WaitUntil([&] { return watch.Log().find(" done, ") != std::string::npos; }));
  cluster_.process("a").Kill();
  EXPECT_EQ(watch.Wait(), 0) << watch.Log();
  EXPECT_THAT(watch.Log(), testing::Not(HasSubstr("lost"))) << "only the coordinators noticed";
}

TEST_F(ReplicasTest, ACoordinatorThatWasStoppedForTooLongEndsAndItsJobsDoNotSuffer) {
  StartAll({"--time-scale", "2"});
  const std::string id = SubmitAt("a", "Where to?");
  ASSERT_TRUE(WaitUntil([&] { return Finished(id) >= 2; }));
  Process& a = cluster_.process("a");
  a.Signal(SIGSTOP);
  EXPECT_TRUE(WaitUntil([&] {
    return At("b", {"get", id, "-o", "json"}).out.find("SUCCEEDED\",\"degraded") !=
           std::string::npos;
  }));
  a.Signal(SIGCONT);
  EXPECT_EQ(a.Wait(), 1);
  EXPECT_THAT(a.Log(), HasSubstr("declared dead"));
  EXPECT_EQ(At("b", {"health"}).status, 0);
}

TEST_F(ReplicasTest, ACoordinatorThatDrainsGivesItsJobsAway) {
  StartAll({"--time-scale", "2"});
  std::vector<std::string> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(SubmitAt("a", absl::StrCat("Question ", i)));
  ASSERT_TRUE(WaitUntil([&] { return Finished(ids[0]) >= 1; }));
  Process& a = cluster_.process("a");
  a.Signal(SIGTERM);
  EXPECT_EQ(a.Wait(), 0) << a.Log();
  for (const std::string& id : ids) EXPECT_EQ(cluster_.WaitForEnd(id).state, "SUCCEEDED");
  EXPECT_EQ(cluster_.UpstreamCalls(), 56);
}

TEST_F(ReplicasTest, ARestartAtTheSameAddressTakesItsJobsUpAtOnce) {
  cluster_.StartSimulator({"--time-scale", "4"});
  const auto start = [&] {
    cluster_.StartReplica("a", {"--store", url_, "--hedge=false", "--lease", "1h"});
  };
  start();
  cluster_.StartWorker();
  cluster_.WaitForWorkers(1);
  const std::string id = SubmitAt("a", "Where to?");
  ASSERT_TRUE(WaitUntil([&] { return Finished(id) >= 3; }));
  cluster_.process("a").Kill();
  start();
  EXPECT_EQ(cluster_.WaitForEnd(id).state, "SUCCEEDED");
  EXPECT_EQ(cluster_.UpstreamCalls(), 7);
}

}  // namespace
}  // namespace moa::cluster
