#include "client/tuner/surrogate.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "client/tuner/likeness.h"
#include "client/tuner/random.h"

namespace moa {
namespace {

Dimension Number(size_t group = 0) {
  return {.name = "number", .low = 0, .high = 1, .group = group};
}
Dimension Choice(size_t choices, size_t group = 0) {
  return {.name = "choice", .choices = choices, .group = group};
}

TEST(LikenessTest, IsWholeForTheSameAndLessForOthers) {
  const std::vector<Dimension> dimensions = {Number(1), Choice(3, 1), Choice(3, 2)};
  const Likeness same = LikenessOf(dimensions, {0.5, 1, 2}, {0.5, 1, 2});
  EXPECT_EQ(same.values, 1);
  EXPECT_EQ(same.agents, 1);
  EXPECT_EQ(same.whole, 1);
  const Likeness one = LikenessOf(dimensions, {0.5, 1, 2}, {0.5, 0, 2});
  EXPECT_NEAR(one.values, 2.0 / 3, 1e-12);
  EXPECT_NEAR(one.agents, 0.5,
              1e-12);  // of the first agent's values one differs: it is another one
  EXPECT_LT(one.whole, 1);
  const Likeness near = LikenessOf(dimensions, {0.5, 1, 2}, {0.6, 1, 2});
  const Likeness far = LikenessOf(dimensions, {0.5, 1, 2}, {1, 1, 2});
  EXPECT_GT(near.values, far.values);
  EXPECT_GT(far.values, one.values);
}

TEST(LikenessTest, WhatDoesNotMatterIsAlike) {
  Dimension gated = Number(1);
  gated.gates = {0};
  const std::vector<Dimension> dimensions = {Choice(2, 1), gated};
  EXPECT_EQ(LikenessOf(dimensions, {0, 0.1}, {0, 0.9}).values, 1);
  EXPECT_EQ(LikenessOf(dimensions, {0, 0.9}, {1, 0.9}).values, 0);
}

// Prompt 1 was made from 0, 2 from 1, 3 from 0.
TEST(LikenessTest, APromptIsLikeWhatItWasMadeFrom) {
  Dimension prompts = Choice(4);
  prompts.made_from = {0, 0, 1, 0};
  const std::vector<Dimension> dimensions = {prompts};
  const auto alike = [&](double a, double b) { return LikenessOf(dimensions, {a}, {b}).values; };
  EXPECT_GT(alike(0, 1), 0);
  EXPECT_EQ(alike(0, 1), alike(1, 2));
  EXPECT_NEAR(alike(0, 2), alike(0, 1) * alike(1, 2), 1e-12);
  EXPECT_NEAR(alike(2, 3), alike(0, 2) * alike(0, 3), 1e-12);
  EXPECT_EQ(LikenessOf(dimensions, {0}, {2}).edits, 0);
  EXPECT_GT(LikenessOf(dimensions, {2}, {2}).edits, LikenessOf(dimensions, {1}, {1}).edits);
}

TEST(SurrogateTest, ManyRunsAreBelievedAndFewAreNot) {
  const std::vector<Dimension> dimensions = {Choice(2)};
  const Surrogate few(dimensions, {{{0.0}, 0.2, 1}, {{1.0}, 0.8, 1}}, 0.04);
  const Surrogate many(dimensions, {{{0.0}, 0.2, 400}, {{1.0}, 0.8, 400}}, 0.04);
  EXPECT_NEAR(many.At({1.0}).mean, 0.8, 0.01);
  EXPECT_NEAR(many.At({1.0}).deviation, 0.01, 0.003);
  EXPECT_LT(few.At({1.0}).mean, 0.75);
  EXPECT_GT(few.At({1.0}).mean, few.At({0.0}).mean);
  EXPECT_GT(few.At({1.0}).deviation, many.At({1.0}).deviation);
}

// Nothing has run with both good values; the runs of the others tell that it is the best.
TEST(SurrogateTest, LearnsFromConfigurationsThatShareAValue) {
  const std::vector<Dimension> dimensions = {Choice(4, 1), Choice(4, 2)};
  std::vector<Observation> observations;
  for (int a = 0; a < 4; ++a) {
    for (int b = 0; b < 4; ++b) {
      if (a == 2 && b == 3) continue;
      observations.push_back({{static_cast<double>(a), static_cast<double>(b)},
                              0.3 + (a == 2 ? 0.2 : 0) + (b == 3 ? 0.2 : 0),
                              2});
    }
  }
  const Surrogate surrogate(dimensions, observations, 0.001);
  const Belief both = surrogate.At({2, 3});
  EXPECT_NEAR(both.mean, 0.7, 0.08);
  for (const Observation& observation : observations) {
    EXPECT_GT(both.mean, surrogate.At(observation.point).mean);
    EXPECT_GT(both.deviation, surrogate.At(observation.point).deviation);
  }
}

// One of the values is good with another one of the same agent alone.
TEST(SurrogateTest, LearnsWhatIsGoodTogether) {
  const std::vector<Dimension> dimensions = {Choice(2, 1), Choice(2, 1), Choice(2, 2)};
  std::vector<Observation> observations;
  for (const double a : {0.0, 1.0}) {
    for (const double b : {0.0, 1.0}) {
      observations.push_back({{a, b, 0}, a == b ? 0.8 : 0.3, 50});
    }
  }
  const Surrogate surrogate(dimensions, observations, 0.01);
  EXPECT_GT(surrogate.At({1, 1, 1}).mean, surrogate.At({1, 0, 1}).mean + 0.1);
}

TEST(SurrogateTest, WhatIsSupposedIsSurerAndNoBetter) {
  const std::vector<Dimension> dimensions = {Number(), Choice(3)};
  Surrogate surrogate(dimensions, {{{0.2, 0}, 0.4, 1}, {{0.8, 1}, 0.7, 1}}, 0.01);
  const Belief before = surrogate.At({0.5, 2});
  const Belief elsewhere = surrogate.At({0.2, 0});
  surrogate.Suppose({0.5, 2});
  EXPECT_NEAR(surrogate.At({0.5, 2}).mean, before.mean, 1e-9);
  EXPECT_LT(surrogate.At({0.5, 2}).deviation, before.deviation);
  EXPECT_NEAR(surrogate.At({0.2, 0}).mean, elsewhere.mean, 1e-9);
  EXPECT_LE(surrogate.At({0.2, 0}).deviation, elsewhere.deviation + 1e-9);
}

// Few runs, all alike, none that varies, points that are the same: nothing is divided by nothing.
TEST(SurrogateTest, LittleIsKnownAtFirst) {
  const std::vector<Dimension> dimensions = {Number(), Choice(1), Choice(3)};
  for (const double variance : {0.0, 0.01}) {
    for (const auto& observations : {std::vector<Observation>{{{0.5, 0, 1}, 0}},
                                     std::vector<Observation>(30, Observation{{0.5, 0, 1}, 0.5})}) {
      Surrogate surrogate(dimensions, observations, variance);
      for (int i = 0; i < 3; ++i) {
        for (const Point& point : {Point{0.5, 0, 1}, Point{0.1, 0, 2}}) {
          const Belief belief = surrogate.At(point);
          EXPECT_NEAR(belief.mean, observations[0].mean, 1e-6);
          EXPECT_TRUE(std::isfinite(belief.deviation));
        }
        surrogate.Suppose({0.5, 0, 1});
      }
    }
  }
  EXPECT_TRUE(std::isfinite(Surrogate({Choice(1)}, {{{0.0}, 0.3}}, 0.01).At({0.0}).mean));
}

// A line with noise: what lies between is found better than by the nearest run.
TEST(SurrogateTest, SmoothsOverNoise) {
  const std::vector<Dimension> dimensions = {Number()};
  Random random(1, 0);
  std::vector<Observation> observations;
  for (int i = 0; i < 60; ++i) {
    const double x = (i + 0.5) / 60;
    observations.push_back({{x}, 0.3 + 0.4 * x + 0.1 * random.Normal(), 1});
  }
  const Surrogate surrogate(dimensions, observations, 0.01);
  for (const double x : {0.1, 0.5, 0.9}) {
    EXPECT_NEAR(surrogate.At({x}).mean, 0.3 + 0.4 * x, 0.06) << x;
  }
}

}  // namespace
}  // namespace moa
