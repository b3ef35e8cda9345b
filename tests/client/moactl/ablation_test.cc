#include "client/moactl/ablation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace moa {
namespace {

using testing::HasSubstr;
using testing::Optional;

v1::Agent AgentNamed(const char* name, uint32_t samples = 1) {
  v1::Agent agent;
  agent.set_name(name);
  agent.set_model("gpt-oss-120b");
  agent.set_samples(samples);
  return agent;
}

v1::Job TwoLayers() {
  v1::Job job;
  job.set_job_id("J1");
  job.mutable_spec()->add_messages()->set_content("q");
  v1::Moa* moa = job.mutable_spec()->mutable_moa();
  v1::Layer* first = moa->add_layers();
  *first->add_agents() = AgentNamed("a", 2);
  *first->add_agents() = AgentNamed("b");
  first->mutable_quorum()->set_min(3);
  first->mutable_critique()->set_keep(2);
  *moa->add_layers()->add_agents() = AgentNamed("c");
  *moa->mutable_aggregator() = AgentNamed("end");
  v1::LayerResult* layer = job.add_layers();
  layer->set_layer(1);
  for (int sample = 0; sample < 2; ++sample) {
    v1::TaskResult* task = layer->add_tasks();
    task->mutable_task()->set_agent("a");
    task->set_attempts(1);
    task->set_share_of_answer(0.25 * (sample + 1));
    task->mutable_completion()->mutable_usage()->set_prompt_tokens(100);
    task->mutable_completion()->mutable_usage()->set_completion_tokens(50);
  }
  return job;
}

TEST(AblationTest, EachAgentIsLeftOutOnceAndLimitsFollow) {
  const std::vector<Ablation> found = AblationsOf(TwoLayers());
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].agent, "a");
  EXPECT_EQ(found[0].calls, 2u);
  EXPECT_EQ(found[0].tokens, 300u);
  EXPECT_EQ(found[0].share_of_answer, 0.5);
  const v1::Layer& left = found[0].without->moa().layers(0);
  ASSERT_EQ(left.agents_size(), 1);
  EXPECT_EQ(left.agents(0).name(), "b");
  EXPECT_EQ(left.quorum().min(), 1u);
  EXPECT_EQ(left.critique().keep(), 1u);
  EXPECT_EQ(found[2].without->moa().layers_size(), 1) << "an empty layer is left out";
}

// A router picks two of them: more than the two largest numbers of samples cannot be asked for.
TEST(AblationTest, LimitsOfARoutedLayerFollowWhatItsRouterCanPick) {
  v1::Job job;
  v1::Layer* layer = job.mutable_spec()->mutable_moa()->add_layers();
  for (const auto& [name, samples] : {std::pair("a", 3u), {"b", 2u}, {"c", 1u}, {"d", 1u}}) {
    *layer->add_agents() = AgentNamed(name, samples);
  }
  layer->mutable_route()->set_top(2);
  layer->mutable_quorum()->set_min(5);
  layer->mutable_enough()->set_answers(5);
  layer->mutable_vote()->set_min_agree(5);
  layer->mutable_early_exit()->set_min_agree(5);
  *job.mutable_spec()->mutable_moa()->mutable_aggregator() = AgentNamed("end");
  for (const auto& [left_out, most] : {std::pair(0, 3u), {1, 4u}, {2, 5u}}) {
    const v1::Layer left = AblationsOf(job)[left_out].without->moa().layers(0);
    EXPECT_EQ(left.route().top(), 2u);
    EXPECT_EQ(left.quorum().min(), most) << left_out;
    EXPECT_EQ(left.enough().answers(), most) << left_out;
    EXPECT_EQ(left.vote().min_agree(), most) << left_out;
    EXPECT_EQ(left.early_exit().min_agree(), most) << left_out;
  }
}

// Answers cannot agree where there is one; a critic's numbers count answers too.
TEST(AblationTest, WhatNeedsSeveralAnswersIsLeftOutWithTheLastButOne) {
  v1::Job job;
  v1::Layer* layer = job.mutable_spec()->mutable_moa()->add_layers();
  *layer->add_agents() = AgentNamed("a");
  *layer->add_agents() = AgentNamed("b");
  layer->mutable_route()->set_top(2);
  layer->mutable_early_exit()->set_min_agree(2);
  layer->mutable_critique()->set_keep(2);
  layer->mutable_critique()->set_accept_min(2);
  *job.mutable_spec()->mutable_moa()->mutable_aggregator() = AgentNamed("end");
  const v1::Layer left = AblationsOf(job)[0].without->moa().layers(0);
  EXPECT_FALSE(left.has_early_exit());
  EXPECT_EQ(left.route().top(), 1u);
  EXPECT_EQ(left.critique().keep(), 1u);
  EXPECT_EQ(left.critique().accept_min(), 1u);
}

TEST(AblationTest, ALastAgentIsNeededWhereTheBestAnswerIsTheJobs) {
  v1::Job job;
  *job.mutable_spec()->mutable_moa()->add_layers()->add_agents() = AgentNamed("only");
  job.mutable_spec()->mutable_moa()->set_best_answer(true);
  EXPECT_FALSE(AblationsOf(job)[0].without.has_value());
}

TEST(AblationTest, RunsOfOneSeedDrawAlike) {
  v1::JobSpec spec;
  spec.set_follows("J0");
  EXPECT_EQ(RunAgain(spec, 2).seed(), 2u);
  EXPECT_EQ(RunAgain(spec, 2).follows(), "");
  spec.set_preset("moa");
  EXPECT_EQ(RunAgain(spec, 2).preset(), "")
      << "the MoA is whole; a preset would bring the agent back";
  spec.set_seed(40);
  EXPECT_EQ(RunAgain(spec, 2).seed(), 42u);
}

TEST(AblationTest, TheRaterSeesConversationAndAnswer) {
  const v1::JobSpec job = RatingJob(TwoLayers().spec(), "the {answer}", "qwen-3.8-27b");
  EXPECT_THAT(job.messages(0).content(), HasSubstr("[Person]\nq"));
  EXPECT_THAT(job.messages(0).content(), HasSubstr("[Answer]\nthe {answer}\n"));
  EXPECT_EQ(job.moa().aggregator().response_format().name(), "verdict");
}

TEST(AblationTest, TheRaterSeesCallsOfToolsAndTheirResults) {
  v1::JobSpec spec;
  v1::Message* message = spec.add_messages();
  message->set_role(v1::ROLE_ASSISTANT);
  message->add_tool_calls()->set_name("weather");
  message->mutable_tool_calls(0)->set_arguments("{}");
  message = spec.add_messages();
  message->set_role(v1::ROLE_TOOL);
  message->set_content("sunny");
  v1::Completion answer;
  *answer.add_tool_calls() = spec.messages(0).tool_calls(0);
  EXPECT_EQ(RatedText(answer), "calls weather({})");
  answer.set_content("I look.");
  EXPECT_EQ(RatedText(answer), "I look.\ncalls weather({})");
  EXPECT_THAT(RatingJob(spec, "x", "m").messages(0).content(),
              HasSubstr("[Earlier reply]\ncalls weather({})\n\n[Result of a tool]\nsunny\n"));
}

TEST(AblationTest, RatingsAreReadWithTolerance) {
  EXPECT_THAT(RatingOf(R"({"score": 7.5, "feedback": "x"})"), Optional(7.5));
  EXPECT_THAT(RatingOf("```json\n{\"score\": 12}\n```"), Optional(10.0));
  EXPECT_EQ(RatingOf("7"), std::nullopt);
  EXPECT_EQ(RatingOf(R"({"score": "good"})"), std::nullopt);
  EXPECT_EQ(RatingOf(R"(}{)"), std::nullopt);
}

TEST(AblationTest, OnlyDifferencesBeyondTheNoiseCount) {
  EXPECT_EQ(AblationVerdict({{8, 8.1, 7.9}}, {{5, 5.1, 4.9}}), "earns its cost");
  EXPECT_EQ(AblationVerdict({{5, 5.1, 4.9}}, {{8, 8.1, 7.9}}), "harms");
  EXPECT_EQ(AblationVerdict({{8, 2, 5}}, {{4, 9, 3}}), "no difference");
  EXPECT_EQ(AblationVerdict({{8}}, {{7.6}}), "no difference");
  EXPECT_EQ(AblationVerdict({{8}}, {{7}}), "earns its cost");
  EXPECT_EQ(AblationVerdict({{8}}, {}), "?");
  // Half a point apart but for rounding, and equal means of different counts.
  EXPECT_EQ(AblationVerdict({{7.8}}, {{8.3}}), "no difference");
  EXPECT_EQ(AblationVerdict({{7.9, 7.9, 7.9}}, {{7.9, 7.9}}), "no difference");
}

TEST(AblationTest, ShowsEachAgentWithWhatItIsWorth) {
  const std::vector<Ablation> found = AblationsOf(TwoLayers());
  const Scores baseline = {{8, 8.2}};
  const std::vector<AblationRow> rows = {{found[0], {{5, 5.2}}}, {found[1], {}}};
  std::string text;
  for (const StyledLine& line : AblationTable(baseline, rows)) {
    text += Render(line, 200, false) + "\n";
  }
  EXPECT_EQ("\n" + text, R"(
layer  agent  model         calls  tokens  share  novelty  score without  difference  verdict
1      a      gpt-oss-120b      2     300    50%       0%    5.10 ± 0.10       -3.00  earns its cost
1      b      gpt-oss-120b      0       0     0%       0%              -           -  ?
with all agents: 8.10 ± 0.10 (mean and standard error of 2 runs)
)");
  v1::JobUsage spent;
  spent.set_upstream_calls(9);
  const std::string json = AblationJson("J1", "rater", baseline, rows, spent);
  EXPECT_THAT(json, HasSubstr(R"("difference":-3.0,"verdict":"earns its cost"})"));
  EXPECT_THAT(json, HasSubstr(R"("score_without":{"standard_error":0.0,"runs":0},"verdict":"?"})"));
  EXPECT_THAT(json, HasSubstr(R"("spent":{"upstream_calls":9,)"));
}

}  // namespace
}  // namespace moa
