#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"

namespace moa::cluster {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kPrompt = "Plan an afternoon for two.";

// Hedges depend on the machine's speed, and calls are counted here.
const Args kNoHedges = {"--hedge=false"};

class FlowsTest : public testing::Test {
 protected:
  void Start(const Args& simulator) {
    Args args = {"--time-scale", "0"};
    args.insert(args.end(), simulator.begin(), simulator.end());
    cluster_.StartSimulator(args);
    cluster_.StartCoordinator(kNoHedges);
    cluster_.StartWorker("worker-1");
    cluster_.WaitForWorkers(1);
  }
  JobView RunPreset(const std::string& preset) {
    return cluster_.Run(cluster_.JobFile(
        "job.yaml", absl::StrCat("prompt: ", kPrompt, "\npreset: ", preset, "\n")));
  }
  MiniCluster cluster_;
};

class PresetTest : public FlowsTest,
                   public testing::WithParamInterface<std::pair<const char*, int>> {};

// Each preset, its judges content with all and its planners sure: what it calls, and that it ends well.
TEST_P(PresetTest, RunsToItsAnswer) {
  const auto [preset, calls] = GetParam();
  Start({"--personality", "critic=all", "--personality", "planner=confidence:0", "--personality",
         "voter=agree:0"});
  const JobView job = RunPreset(preset);
  ASSERT_EQ(job.state, "SUCCEEDED") << job.error_message;
  EXPECT_FALSE(job.degraded);
  EXPECT_THAT(job.answer, Not(IsEmpty()));
  EXPECT_LE(job.upstream_calls, calls);
  EXPECT_EQ(job.upstream_calls, cluster_.UpstreamCalls());
}

INSTANTIATE_TEST_SUITE_P(Presets, PresetTest,
                         testing::Values(std::pair("moa", 5), std::pair("together", 13),
                                         std::pair("moa-lite", 7), std::pair("self-moa", 7),
                                         std::pair("self-moa-seq", 10), std::pair("workshop", 10),
                                         std::pair("ninja", 17), std::pair("cepo", 27),
                                         std::pair("best-of-n", 10), std::pair("majority", 5),
                                         std::pair("debate-sparse", 15), std::pair("routed", 4)),
                         [](const auto& instance) {
                           std::string name = instance.param.first;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

// The first round is rejected by all, so the planner is asked again; its revised answers are judged.
TEST_F(FlowsTest, CriticsMakeTheLoopLoop) {
  Start({"--personality", "critic=none-then:1"});
  const JobView job = RunPreset("ninja");
  ASSERT_EQ(job.state, "SUCCEEDED") << job.error_message;
  EXPECT_FALSE(job.degraded);
  EXPECT_EQ(job.upstream_calls, 33);
  ASSERT_EQ(job.layers.size(), 5u);
  for (const AgentView& agent : job.layers[2].agents)
    EXPECT_THAT(agent.content, HasSubstr("Revised."));
}

TEST_F(FlowsTest, CriticsThatAcceptNothingDegradeTheJob) {
  Start({"--personality", "critic=none"});
  const JobView job = RunPreset("ninja");
  ASSERT_EQ(job.state, "SUCCEEDED") << job.error_message;
  EXPECT_TRUE(job.degraded);
  EXPECT_EQ(job.upstream_calls, 33);
}

// Verdicts in every shape that models give them are read; those that say nothing leave answers unjudged.
TEST_F(FlowsTest, VerdictsAreReadHoweverTheyAreWritten) {
  for (const char* shape : {"fenced", "think", "truncated"}) {
    Start({"--personality", "critic=all", "--personality", absl::StrCat("critic=", shape)});
    const JobView job = RunPreset("ninja");
    ASSERT_EQ(job.state, "SUCCEEDED") << shape << ": " << job.error_message;
    EXPECT_FALSE(job.degraded) << shape;
    EXPECT_EQ(job.upstream_calls, 17) << shape;
  }
  Start({"--personality", "critic=babble"});
  const JobView job = RunPreset("ninja");
  ASSERT_EQ(job.state, "SUCCEEDED") << job.error_message;
  EXPECT_TRUE(job.degraded);
}

// A critic that never answers costs its share of the deadline, not the job.
TEST_F(FlowsTest, SilentCriticsLeaveTheAnswersUnjudged) {
  Start({"--personality", "critic=hang"});
  const JobView job = cluster_.Run(cluster_.JobFile(
      "job.yaml", absl::StrCat("prompt: ", kPrompt, "\npreset: ninja\ndeadline: 6s\n")));
  ASSERT_EQ(job.state, "SUCCEEDED") << job.error_message;
  EXPECT_TRUE(job.degraded);
  EXPECT_THAT(job.answer, Not(IsEmpty()));
}

TEST_F(FlowsTest, ARouterThatPicksNobodyIsReplacedByTheOrder) {
  for (const char* router : {"nobody", "unknown", "babble"}) {
    Start({"--personality", absl::StrCat("router=", router)});
    const JobView job = RunPreset("routed");
    ASSERT_EQ(job.state, "SUCCEEDED") << router << ": " << job.error_message;
    EXPECT_TRUE(job.degraded) << router;
  }
}

TEST_F(FlowsTest, SurePlansSpareTheOthersAndWhatWouldFollow) {
  Start({"--personality", "planner=confidence:1"});
  const JobView job = RunPreset("cepo");
  ASSERT_EQ(job.state, "SUCCEEDED") << job.error_message;
  EXPECT_FALSE(job.degraded);
  // Of nine plans three may have been under way or done when six were there; what follows them is not.
  EXPECT_LE(job.upstream_calls, 9 + 6 + 3 + 3 + 3);
}

// The coordinator dies while critics judge, and again in the second round: the job goes on and decides the same.
TEST_F(FlowsTest, ALoopSurvivesACrashInEachOfItsStages) {
  cluster_.StartSimulator(
      {"--personality", "critic=none-then:1", "--time-scale", "3", "--slow-queue-share", "0"});
  cluster_.StartCoordinator(kNoHedges);
  cluster_.StartWorker("worker-1");
  cluster_.WaitForWorkers(1);
  const std::string id = cluster_.Submit(
      cluster_.JobFile("job.yaml", absl::StrCat("prompt: ", kPrompt, "\npreset: ninja\n")));
  for (const size_t stage : {2u, 3u, 4u}) {
    ASSERT_TRUE(WaitUntil([&] { return cluster_.Get(id).layers.size() >= stage; }));
    cluster_.coordinator().Kill();
    cluster_.StartCoordinator(kNoHedges);
  }
  const JobView job = cluster_.WaitForEnd(id);
  ASSERT_EQ(job.state, "SUCCEEDED") << job.error_message;
  ASSERT_EQ(job.layers.size(), 5u);
  EXPECT_FALSE(job.degraded);
}

TEST_F(FlowsTest, AJobGoesOnFromTheOneItFollows) {
  cluster_.StartAll();
  const std::string file = cluster_.JobFile("a.yaml", kSingleCallJob);
  const JobView first = cluster_.Run(file);
  ASSERT_EQ(first.state, "SUCCEEDED") << first.error_message;
  const JobView second = cluster_.Run(file, {"--follows", first.job_id});
  ASSERT_EQ(second.state, "SUCCEEDED") << second.error_message;
  // The simulator's tag proves that the earlier answer was in the prompt.
  EXPECT_THAT(SawOf(second.answer), testing::ElementsAre(DigestOf(first.answer)));
}

TEST_F(FlowsTest, AnInspectionShowsTheCostAndCallsNobody) {
  cluster_.StartAll();
  const CommandResult result = cluster_.Moactl({"inspect", "--preset", "ninja"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("at most 33 calls"));
  EXPECT_THAT(result.out, HasSubstr("‹the answer of planner, sample 1"));
  EXPECT_EQ(cluster_.UpstreamCalls(), 0);
}

TEST_F(FlowsTest, AnAblationRatesTheJobWithoutEachAgent) {
  cluster_.StartAll();
  const JobView job = cluster_.Run(cluster_.JobFile("a.yaml", kWorkshopJob));
  ASSERT_EQ(job.state, "SUCCEEDED") << job.error_message;
  const CommandResult result = cluster_.Moactl({"ablate", job.job_id, "--repeat", "2"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("with all agents: "));
  EXPECT_THAT(result.out, HasSubstr("(mean and standard error of 2 runs)"));
  // Three agents left out, and all of them: four variants, each run and rated twice.
  EXPECT_EQ(cluster_.UpstreamCalls(), 7 + 2 * (7 + 3 * 5 + 4));
}

}  // namespace
}  // namespace moa::cluster
