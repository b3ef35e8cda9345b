#include "coordinator/engine/inspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Inspection InspectSpec(const JobSpec& spec, const ModelTable& models = ModelTable::Shipped()) {
  return Inspect(*Compile(spec, {}), models, TokenEstimator());
}

TEST(InspectionTest, ShowsStagesCallsAndPromptsWithPlaceholders) {
  JobSpec spec = MakeJob(1, 2);
  spec.moa.layers[0].agents[0].samples = 3;
  const Inspection found = InspectSpec(spec);
  EXPECT_EQ(found.calls_max, 5u);
  ASSERT_THAT(found.stages, SizeIs(2));
  ASSERT_THAT(found.stages[0].agents, SizeIs(2));
  EXPECT_EQ(found.stages[0].agents[0].calls, 3u);
  const std::string last(found.stages[1].agents[0].messages.back().content.view());
  EXPECT_THAT(last, HasSubstr("[Answer 1]\n‹the answer of a1, sample 1, at most 2048 tokens›"));
  EXPECT_EQ(found.completion_tokens_max, 5u * 2048);
  EXPECT_GE(found.prompt_tokens_max, 4u * 2048);
  EXPECT_GT(found.cost_usd_max, 0);
}

TEST(InspectionTest, LikeRoundsAreCountedNotListed) {
  const Inspection cycles = InspectSpec(MakeJob(1, 1, 4));
  ASSERT_THAT(cycles.stages, SizeIs(3)) << "the first sees nothing, the others each other";
  EXPECT_EQ(cycles.stages[1].times, 3u);
  JobSpec spec = MakeJob(1, 1);
  spec.moa.layers[0].critique = Critique{.critics = {MakeAgent("c")}, .rounds = 4};
  const Inspection rounds = InspectSpec(spec);
  ASSERT_THAT(rounds.stages, SizeIs(5));
  EXPECT_EQ(rounds.stages[0].times, 1u);
  EXPECT_EQ(rounds.stages[1].times, 1u) << "a round is listed whole, in the order in which it runs";
  EXPECT_EQ(rounds.stages[2].times, 3u);
  EXPECT_EQ(rounds.stages[3].times, 3u);
  EXPECT_EQ(rounds.calls_max, 9u);
  EXPECT_THAT(rounds.stages[1].then, HasSubstr("another round unless 1 are accepted"));
}

TEST(InspectionTest, ARouterCostsTheDearestPicks) {
  JobSpec spec = MakeJob(1, 3);
  spec.moa.layers[0].agents[2].max_completion_tokens = 4000;
  spec.moa.layers[0].route = Route{.router = MakeAgent("r"), .top = 1};
  const Inspection found = InspectSpec(spec);
  EXPECT_EQ(found.calls_max, 3u);
  EXPECT_EQ(found.completion_tokens_max, 2048u + 4000 + 2048);
}

TEST(InspectionTest, SaysWhatWouldBeCutToFit) {
  ModelTable models;
  models.Configure("gpt-oss-120b", {.context_tokens = 6000});
  JobSpec spec = MakeJob(1, 4);
  const Inspection found = InspectSpec(spec, models);
  EXPECT_THAT(found.stages[1].agents[0].fit, HasSubstr("they are cut from up to 8192 to"));
  EXPECT_LE(found.stages[1].agents[0].prompt_tokens, 6000u - 2048);
}

TEST(InspectionTest, AHugePlanIsInspectedWithinBounds) {
  JobSpec spec = MakeJob(1, 64);
  for (Agent& agent : spec.moa.layers[0].agents) agent.samples = 31;
  spec.messages[0].content = Text(std::string(1 << 20, 'x'));
  spec.moa.layers[0].cycles = 2;
  const Inspection found = InspectSpec(spec);
  EXPECT_EQ(found.calls_max, 2u * 64 * 31 + 1);
  size_t bytes = 0;
  for (const InspectedStage& stage : found.stages) {
    for (const InspectedAgent& agent : stage.agents) {
      for (const Message& message : agent.messages) bytes += message.content.size();
    }
  }
  EXPECT_LT(bytes, 4u << 20);
}

TEST(WarningsTest, AgentsThatNeverSeeAnAnswerAreNamed) {
  JobSpec spec = MakeJob(2, 1);
  EXPECT_THAT(WarningsOf(*Compile(spec, {})), IsEmpty());
  spec.moa.references.placement = ReferenceRules::Placement::kSystem;
  EXPECT_THAT(
      WarningsOf(*Compile(spec, {})),
      ElementsAre(HasSubstr("moa.layers[1].agents[0].system_prompt: lacks {helper_response}"),
                  HasSubstr("moa.aggregator.system_prompt: lacks")));
}

TEST(WarningsTest, RetiredModelsAreTold) {
  JobSpec spec = MakeJob(1, 2);
  spec.moa.layers[0].agents[1].model = "llama3.1-8b";
  EXPECT_THAT(AliasWarnings(spec.moa, ModelTable::Shipped()),
              ElementsAre(HasSubstr("moa.layers[0].agents[1].model: llama3.1-8b is an alias; ")));
}

}  // namespace
}  // namespace moa
