#include "client/tuner/scores.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "client/tuner/candidates.h"
#include "client/tuner/random.h"

namespace moa {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;

Noise Learn(const std::vector<Scores>& all, double assumed = 0.1) {
  std::vector<const Scores*> pointers;
  for (const Scores& scores : all) pointers.push_back(&scores);
  return LearnNoise(pointers, assumed);
}

TEST(ScoresTest, MeanAndStandardError) {
  const Scores scores{{1, 2, 3, 6}};
  EXPECT_EQ(scores.mean(), 3);
  EXPECT_EQ(scores.squares(), 14);
  EXPECT_DOUBLE_EQ(scores.standard_error(), std::sqrt(14.0 / 3 / 4));
  EXPECT_TRUE(std::isnan(Scores().mean()));
  EXPECT_EQ(Scores{{5}}.standard_error(), 0);
}

// Means vary by 0.2, runs by 0.1.
TEST(ScoresTest, TellsTheNoiseOfRunsFromThatOfConfigurations) {
  Random random(5, 0);
  std::vector<Scores> all(400);
  for (Scores& scores : all) {
    const double mean = 0.5 + 0.2 * random.Normal();
    for (int i = 0; i < 3; ++i) scores.values.push_back(mean + 0.1 * random.Normal());
  }
  const Noise noise = Learn(all);
  EXPECT_THAT(noise.mean, DoubleNear(0.5, 0.04));
  EXPECT_THAT(std::sqrt(noise.within), DoubleNear(0.1, 0.01));
  EXPECT_THAT(std::sqrt(noise.between), DoubleNear(0.2, 0.02));
}

TEST(ScoresTest, EqualScoresDoNotMakeTheNoiseVanish) {
  const Noise noise = Learn({{{0.5, 0.5}}, {{0.5}}});
  EXPECT_GT(noise.within, 0);
  EXPECT_GT(noise.between, 0);
  EXPECT_LT(noise.within, 0.01);
}

TEST(ScoresTest, FewRunsAreBelievedLessThanMany) {
  const std::vector<Scores> all = {{{0.9}}, {{0.9, 0.9, 0.9, 0.9}}, {{0.4, 0.5}}, {{0.3, 0.4}}};
  const Noise noise = Learn(all);
  const Belief single = BelieveIn(all[0], noise);
  const Belief repeated = BelieveIn(all[1], noise);
  EXPECT_LT(single.mean, repeated.mean);
  EXPECT_LT(repeated.mean, 0.9);
  EXPECT_GT(single.deviation, repeated.deviation);
  EXPECT_LT(single.Cautious(), repeated.Cautious());
  // None says what all say.
  EXPECT_EQ(BelieveIn({}, noise).mean, noise.mean);
}

// The interval holds the true mean in about 95 of 100 cases, also with two runs.
TEST(ScoresTest, ConfidenceIntervalsHoldTheMean) {
  Random random(11, 0);
  for (const int runs : {1, 2, 4, 8}) {
    std::vector<Scores> all(1000);
    for (Scores& scores : all) {
      for (int i = 0; i < runs; ++i) scores.values.push_back(0.5 + 0.1 * random.Normal());
    }
    const Noise noise = Learn(all);
    int held = 0;
    for (const Scores& scores : all) {
      const Interval interval = ConfidenceInterval(scores, noise);
      held += interval.low <= 0.5 && 0.5 <= interval.high;
    }
    EXPECT_GE(held, 930) << runs;
    // Wider than it need be while the noise is known only by what is assumed to be unsure of it.
    EXPECT_LE(held, 998) << runs;
  }
}

TEST(ScoresTest, TheErrorOfADifferenceShrinksWithRuns) {
  const Noise noise = {.within = 0.01};
  const Scores two{{0.4, 0.6}};
  const Scores four{{0.4, 0.6, 0.4, 0.6}};
  EXPECT_GT(DifferenceError(two, two, noise), DifferenceError(two, four, noise));
  EXPECT_GT(DifferenceError(two, four, noise), DifferenceError(four, four, noise));
}

size_t Add(Candidates& candidates, const std::vector<double>& shares, uint64_t tokens = 100) {
  const size_t index = candidates.Add({}, "key" + std::to_string(candidates.size()));
  for (const double share : shares) {
    candidates.Ask(index);
    candidates.AddRun(index, {.score = share, .max = 1, .tokens = tokens});
  }
  return index;
}

// 1.0 once against 0.9 five times.
TEST(CandidatesTest, OneLuckyRunDoesNotWin) {
  Candidates candidates;
  for (int i = 0; i < 10; ++i) Add(candidates, {0.5 + 0.02 * i});
  const size_t lucky = Add(candidates, {1.0});
  const size_t proven = Add(candidates, {0.75, 1.0, 0.9, 0.95, 0.9});
  EXPECT_EQ(candidates.Winner(), proven);
  EXPECT_GT(candidates.BeliefIn(proven).Cautious(), candidates.BeliefIn(lucky).Cautious());
}

TEST(CandidatesTest, OfEqualOnesTheCheaperIsFirst) {
  Candidates candidates;
  Add(candidates, {0.5, 0.5}, 300);
  const size_t cheap = Add(candidates, {0.5, 0.5}, 200);
  Add(candidates, {0.5, 0.5}, 200);
  EXPECT_THAT(candidates.Ranked(), ElementsAre(1, 2, 0));
  EXPECT_EQ(candidates.Winner(), cheap);
  EXPECT_THAT(candidates.Ranked(3), IsEmpty());
  EXPECT_EQ(Candidates().Winner(), std::nullopt);
}

TEST(CandidatesTest, ARunThatFailedIsWorthNothing) {
  Candidates candidates;
  const size_t index = candidates.Add({}, "key");
  candidates.AddRun(index, {.failure = "TRUNCATED", .score = 9, .max = 9});
  EXPECT_EQ(candidates[index].shares.values, std::vector<double>{0});
}

// Eight candidates, a quarter goes on: the best two get a second run; of those who have two none gets four yet.
TEST(HalvingTest, TheBestShareOfARungGoesOn) {
  Candidates candidates;
  for (int i = 0; i < 8; ++i) Add(candidates, {0.1 * i});
  std::vector<Promotion> promotions = PromoteBest(candidates, {1, 2, 4, 8}, 0.25);
  ASSERT_EQ(promotions.size(), 2u);
  EXPECT_EQ(promotions[0].candidate, 7u);
  EXPECT_EQ(promotions[0].runs, 1u);
  EXPECT_EQ(promotions[1].candidate, 6u);
  // Nobody is promoted twice.
  EXPECT_TRUE(PromoteBest(candidates, {1, 2, 4, 8}, 0.25).empty());
}

TEST(HalvingTest, ThoseOnAHigherRungAreServedFirst) {
  Candidates candidates;
  for (int i = 0; i < 4; ++i) Add(candidates, {0.1 * i, 0.1 * i});
  for (int i = 0; i < 4; ++i) Add(candidates, {0.05 * i});
  const std::vector<Promotion> promotions = PromoteBest(candidates, {1, 2, 4, 8}, 0.25);
  ASSERT_EQ(promotions.size(), 1u);
  EXPECT_EQ(promotions[0].candidate, 3u);
  EXPECT_EQ(promotions[0].runs, 2u);
}

TEST(HalvingTest, OneRungMeansNoRepeats) {
  Candidates candidates;
  for (int i = 0; i < 8; ++i) Add(candidates, {0.1 * i});
  EXPECT_TRUE(PromoteBest(candidates, {1}, 0.25).empty());
}

}  // namespace
}  // namespace moa
