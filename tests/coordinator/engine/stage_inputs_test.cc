#include "coordinator/engine/stage_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

TEST(StageInputsTest, ReferencesReplaceTheTokenInPlaceAndNoTrailingMessageIsSent) {
  JobSpec spec = MakeJob(1, 2);
  spec.moa.aggregator.system_prompt = Text("Use {helper_response} and {this} 100%");
  JobDriver job(std::move(spec));
  job.FinishStage("answer-");
  EXPECT_EQ(Spell(job.machine().Input(2)),
            "system: Use [Answer 1]\nanswer-0\n\n[Answer 2]\nanswer-1 and {this} 100%\n"
            "user: hello\n");
}

TEST(StageInputsTest, TheTokenBecomesEmptyWhereThereAreNoReferencesYet) {
  JobSpec spec = MakeJob(1, 1);
  spec.moa.layers[0].agents[0].system_prompt = Text("[{helper_response}]");
  JobDriver job(std::move(spec));
  EXPECT_EQ(Spell(job.machine().Input(0)), "system: []\nuser: hello\n");
}

TEST(StageInputsTest, APromptOfTheTokenAloneSendsNoEmptySystemMessage) {
  JobSpec spec = MakeJob(1, 1);
  spec.moa.layers[0].agents[0].system_prompt = Text("{helper_response}");
  JobDriver job(std::move(spec));
  EXPECT_EQ(Spell(job.machine().Input(0)), "user: hello\n");
}

TEST(StageInputsTest, AgentsOfAStageShareOneRenderedContext) {
  JobSpec spec = MakeJob(2, 3);
  spec.moa.layers[1].agents[0].system_prompt = Text("Be brief.");
  JobDriver job(std::move(spec));
  job.FinishStage("x");
  const CallInput first = job.machine().Input(3);
  const CallInput second = job.machine().Input(4);
  ASSERT_THAT(first.prompt, SizeIs(3));
  EXPECT_EQ(first.prompt[0].message.role, Role::kSystem);
  EXPECT_EQ(first.prompt[1].context->id, 0u);
  EXPECT_EQ(first.prompt[2].context->id, 2u);
  ASSERT_THAT(second.prompt, SizeIs(2));
  EXPECT_EQ(second.prompt[0].context, first.prompt[1].context);
  EXPECT_EQ(second.prompt[1].context, first.prompt[2].context);
}

TEST(StageInputsTest, ToolsGoToTheAggregatorOnly) {
  JobSpec spec = MakeJob(1, 1);
  spec.tools.push_back({.name = "look_up"});
  JobDriver job(std::move(spec));
  EXPECT_FALSE(job.machine().Input(0).with_tools);
  job.FinishStage("x");
  EXPECT_TRUE(job.machine().Input(1).with_tools);
}

TEST(StageInputsTest, TextsKeepEveryByteOnTheirWay) {
  const std::string nasty = std::string("{} {0} %s %n ") + char{0} + "\xff\xfe {helper_response}";
  JobSpec spec = MakeJob(1, 1);
  spec.messages[0].content = Text(nasty);
  JobDriver job(std::move(spec));
  EXPECT_THAT(Spell(job.machine().Input(0)), HasSubstr(nasty));
  job.Dispatch(0);
  job.Succeed(0, nasty);
  EXPECT_THAT(Spell(job.machine().Input(1)), HasSubstr("[Answer 1]\n" + nasty));
}

// ------------------------------------------------------------------------------------------------
// Seeds

TEST(StageInputsTest, SamplesOfASeededAgentCountUpFromItsSeed) {
  JobSpec spec = MakeJob(1, 1);
  spec.moa.layers[0].agents[0].samples = 3;
  spec.moa.layers[0].agents[0].seed = 40;
  JobDriver job(std::move(spec));
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(job.machine().Input(i).seed, 40 + i);
}

TEST(StageInputsTest, DerivedSeedsDifferBetweenRoundsAgentsAndSamplesAndComeBackTheSame) {
  JobSpec spec = MakeJob(1, 2, 2);
  for (Agent& agent : spec.moa.layers[0].agents) agent.samples = 4;
  std::vector<uint64_t> seeds[2];
  for (auto& run : seeds) {
    JobDriver job(spec, 1234);
    for (uint32_t i = 0; i < 8; ++i) run.push_back(*job.machine().Input(i).seed);
    job.FinishStage("x");
    for (uint32_t i = 8; i < 16; ++i) run.push_back(*job.machine().Input(i).seed);
    EXPECT_EQ(std::set<uint64_t>(run.begin(), run.end()).size(), 16u);
    job.FinishStage("x");
    EXPECT_EQ(job.machine().Input(16).seed, std::nullopt)
        << "one sample, and no seed was asked for";
  }
  EXPECT_EQ(seeds[0], seeds[1]);
  EXPECT_NE(*JobDriver(spec, 1235).machine().Input(0).seed, seeds[0][0]);
}

TEST(StageInputsTest, AJobSeedReachesEveryAgent) {
  JobSpec spec = MakeJob(1, 2);
  spec.seed = 5;
  JobDriver job(std::move(spec), 5);
  EXPECT_TRUE(job.machine().Input(0).seed.has_value());
  EXPECT_NE(job.machine().Input(0).seed, job.machine().Input(1).seed);
}

}  // namespace
}  // namespace moa
