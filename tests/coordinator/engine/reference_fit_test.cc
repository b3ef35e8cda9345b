#include "coordinator/engine/reference_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/stage_inputs.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::ElementsAre;

TEST(ReferenceFitTest, WhatFitsIsLeftAlone) {
  EXPECT_THAT(FitTokens({500, 2000}, 2500), ElementsAre(500, 2000));
  EXPECT_THAT(FitTokens({}, 0), ElementsAre());
}

TEST(ReferenceFitTest, TheLongestAreCutFirst) {
  EXPECT_THAT(FitTokens({1200, 8000, 3000}, 6200), ElementsAre(1200, 2500, 2500));
  EXPECT_THAT(FitTokens({9000, 1000}, 6000), ElementsAre(5000, 1000));
}

TEST(ReferenceFitTest, TheLastAreLeftOutBeforeOthersAreCutToNothing) {
  EXPECT_THAT(FitTokens({4000, 4000, 4000}, 2500), ElementsAre(1250, 1250, 0));
  EXPECT_THAT(FitTokens({4000, 4000}, 500), ElementsAre(500, 0));
  EXPECT_THAT(FitTokens({4000}, 0), ElementsAre(0));
}

TEST(ReferenceFitTest, ACutTextKeepsItsBeginningAndItsEnd) {
  std::string text = "BEGIN ";
  for (int i = 0; i < 2000; ++i) text += "wörter ";
  text += "END";
  const TokenEstimator estimator;
  const Text cut = CutToTokens(Text(text), 300, "m", estimator);
  EXPECT_THAT(std::string(cut.view()), testing::StartsWith("BEGIN"));
  EXPECT_THAT(std::string(cut.view()), testing::EndsWith("END"));
  EXPECT_THAT(std::string(cut.view()), testing::HasSubstr("tokens left out"));
  EXPECT_TRUE(IsValidUtf8(cut.view()));
  EXPECT_LE(estimator.UpperBound("m", SizeOf(cut.view())), 300u);
  EXPECT_EQ(CutToTokens(Text("short"), 300, "m", estimator), Text("short"));
}

// However many answers of whatever size, in whatever placement: prompt and completion stay within the
// window by the estimate that is used for sending.
TEST(ReferenceFitTest, NoPromptExceedsTheWindow) {
  std::mt19937 random(7);
  const auto pick = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
  uint32_t cut = 0;
  for (int round = 0; round < 300; ++round) {
    ModelTable models;
    const uint32_t window = 3000 + pick(20'000);
    models.Configure("m", {.context_tokens = window});
    JobSpec spec = MakeJob(1, 1 + pick(8));
    for (Agent& agent : spec.moa.layers[0].agents) agent.model = "m";
    spec.moa.aggregator.model = "m";
    spec.moa.aggregator.max_completion_tokens = 1 + pick(1500);
    if (pick(2) == 0) spec.moa.aggregator.system_prompt = Text("Use {helper_response} well.");
    spec.messages[0].content = Text(std::string(pick(2000), 'q'));
    const auto plan = Compile(spec, {});
    const TokenEstimator estimator;
    StageMaterial material;
    for (size_t i = 0; i < spec.moa.layers[0].agents.size(); ++i) {
      const std::string word = pick(3) == 0 ? "größe " : "word ";
      std::string text;
      for (uint32_t n = pick(8000); n > 0; --n) text += word;
      material.references.push_back({.content = Text(text)});
    }
    StageInputs inputs(&models, &estimator);
    inputs.Start(*plan, plan->aggregator_stage(), material);
    const CallInput input = inputs.Make(plan->aggregator_task(), "m", 1);
    const uint64_t tokens = estimator.UpperBound("m", SizeOf(input, plan->spec)) +
                            *plan->spec.moa.aggregator.max_completion_tokens;
    EXPECT_LE(tokens, window) << "round " << round;
    cut += inputs.FitNote(plan->aggregator_task(), "m").empty() ? 0 : 1;
  }
  EXPECT_GT(cut, 100u) << "the sizes are meant to need cutting often";
}

}  // namespace
}  // namespace moa
