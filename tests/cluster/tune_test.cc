// Tuning on the real programs: what is killed goes on, and what is interrupted leaves nothing running.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/cluster/mini_cluster.h"

namespace moa::cluster {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kTunedJob = MOA_SOURCE_DIR "/docs/examples/challenge/specialists.yaml";

class TuneTest : public testing::Test {
 protected:
  void StartCluster(const Args& simulator_args) {
    cluster_.StartSimulator(simulator_args);
    cluster_.StartCoordinator();
    cluster_.StartWorker("worker-1", {"--grading-slots", "2"});
    cluster_.WaitForWorkers(1);
  }
  Process& StartTuning(const std::string& history) {
    return cluster_.Start("tune", "moactl",
                          {"--coordinator", cluster_.coordinator_address(), "tune", "-f", kTunedJob,
                           "--trials", "30", "--history", history});
  }
  static size_t Lines(const std::string& path, absl::string_view with) {
    size_t count = 0;
    for (const absl::string_view line : absl::StrSplit(ReadFile(path), '\n')) {
      count += absl::StrContains(line, with) ? 1 : 0;
    }
    return count;
  }
  MiniCluster cluster_;
};

// The study and its coordinator are killed in the middle. What it comes to is what the study without a history comes to,
// which finds all of its jobs again and asks no model anything.
TEST_F(TuneTest, AStudyThatWasKilledGoesOnToTheSameResult) {
  StartCluster({"--time-scale", "0"});
  const std::string history = cluster_.Path("tune.jsonl");
  Process& tuning = StartTuning(history);
  ASSERT_TRUE(WaitUntil([&] { return Lines(history, "\"result\"") >= 6; })) << tuning.Log();
  tuning.Kill();
  cluster_.coordinator().Kill();
  cluster_.StartCoordinator();
  cluster_.WaitForWorkers(1);
  const CommandResult resumed = cluster_.Moactl({"tune", "--resume", history, "-o", "json"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("\"state\":\"DONE\",\"reason\":\"all 30 trials have run\""));
  EXPECT_EQ(Lines(history, "\"result\""), 30u);
  const int64_t calls = cluster_.UpstreamCalls();
  const CommandResult whole =
      cluster_.Moactl({"tune", "-f", kTunedJob, "--trials", "30", "-o", "json"});
  EXPECT_EQ(whole.out, resumed.out) << whole.err;
  EXPECT_EQ(cluster_.UpstreamCalls(), calls);
}

TEST_F(TuneTest, CtrlCLeavesNothingRunning) {
  StartCluster({"--time-scale", "100"});
  const std::string history = cluster_.Path("tune.jsonl");
  Process& tuning = StartTuning(history);
  ASSERT_TRUE(WaitUntil([&] { return cluster_.UpstreamCalls() >= 4; })) << tuning.Log();
  tuning.Signal(SIGINT);
  EXPECT_EQ(tuning.Wait(), 130) << tuning.Log();
  EXPECT_THAT(tuning.Output(), HasSubstr("INTERRUPTED: interrupted"));
  EXPECT_THAT(tuning.Log(), HasSubstr(absl::StrCat("to go on: moactl tune --resume ", history)));
  const CommandResult counts = cluster_.Moactl({"count", "-o", "json"});
  EXPECT_THAT(counts.out, HasSubstr("\"RUNNING\":0")) << counts.out;
  EXPECT_THAT(counts.out, HasSubstr("\"CANCELLED\":4")) << counts.out;
  EXPECT_THAT(ReadFile(history), StartsWith("{\"type\":\"study\""));
}

// The best one is a job like any other, and is graded by the challenge as it was by the study.
TEST_F(TuneTest, WhatWasFoundIsAJobFile) {
  StartCluster({"--time-scale", "0"});
  const std::string best = cluster_.Path("best.yaml");
  const CommandResult tuned =
      cluster_.Moactl({"tune", "-f", kTunedJob, "--trials", "10", "--out", best});
  ASSERT_EQ(tuned.status, 0) << tuned.err;
  EXPECT_THAT(ReadFile(best), StartsWith("# Found by moactl tune, study "));
  const CommandResult graded = cluster_.Moactl({"challenge", "run", "-f", best, "-o", "json"});
  EXPECT_EQ(graded.status, 0) << graded.err;
  EXPECT_THAT(graded.out, HasSubstr("\"max\":120"));
}

}  // namespace
}  // namespace moa::cluster
