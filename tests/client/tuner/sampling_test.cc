#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "client/tuner/dimension.h"
#include "client/tuner/random.h"

namespace moa {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::SizeIs;

Dimension Number(double low, double high, double step = 0) {
  return {.name = "number", .low = low, .high = high, .step = step};
}
Dimension Choice(size_t choices) { return {.name = "choice", .choices = choices}; }

TEST(RandomTest, FollowsFromSeedAndStream) {
  Random a(1, 2);
  Random b(1, 2);
  Random other_seed(2, 2);
  Random other_stream(1, 3);
  const uint64_t first = a.Next();
  EXPECT_EQ(b.Next(), first);
  EXPECT_NE(other_seed.Next(), first);
  EXPECT_NE(other_stream.Next(), first);
}

// Five standard errors leave room for no more than bad luck once in a million seeds; this is one seed.
TEST(RandomTest, DrawsAsItSays) {
  Random random(7, 0);
  constexpr int kDraws = 20'000;
  double sum = 0;
  double normal = 0;
  double squares = 0;
  std::vector<int> below(3);
  std::vector<int> weighted(3);
  for (int i = 0; i < kDraws; ++i) {
    const double uniform = random.Uniform();
    ASSERT_GE(uniform, 0);
    ASSERT_LT(uniform, 1);
    sum += uniform;
    const double z = random.Normal();
    normal += z;
    squares += z * z;
    ++below[random.Below(3)];
    ++weighted[random.Weighted({1, 0, 3})];
  }
  EXPECT_THAT(sum / kDraws, DoubleNear(0.5, 0.0103));
  EXPECT_THAT(normal / kDraws, DoubleNear(0, 0.036));
  EXPECT_THAT(squares / kDraws, DoubleNear(1, 0.05));
  EXPECT_THAT(below, Each(testing::AllOf(testing::Gt(6300), testing::Lt(7000))));
  EXPECT_EQ(weighted[1], 0);
  EXPECT_THAT(weighted[2], testing::AllOf(testing::Gt(14'690), testing::Lt(15'310)));
}

TEST(DimensionTest, ValuesAreOnTheGridThatPeopleWrite) {
  const Dimension dimension = Number(0, 1.5, 0.01);
  EXPECT_EQ(Fitted(dimension, 0.70499), 0.7);
  EXPECT_EQ(Fitted(dimension, 0.299), 0.3);
  EXPECT_EQ(Fitted(dimension, -1), 0);
  EXPECT_EQ(Fitted(dimension, 9), 1.5);
  EXPECT_EQ(Fitted(Number(0, 1), 0.123456), 0.123456);
}

TEST(DimensionTest, StratifiedPointsCoverEveryRangeEvenly) {
  const std::vector<Dimension> dimensions = {Number(0, 10), Choice(4), Number(-1, 1)};
  Random random(3, 0);
  const std::vector<Point> points = DrawStratified(dimensions, 8, random);
  ASSERT_THAT(points, SizeIs(8));
  std::set<int> tenths;
  std::set<int> quarters;
  std::vector<int> choices(4);
  for (const Point& point : points) {
    tenths.insert(static_cast<int>(point[0] / 1.25));
    quarters.insert(static_cast<int>((point[2] + 1) / 0.25));
    ++choices[ChoiceAt(point, 1)];
  }
  EXPECT_THAT(tenths, SizeIs(8));
  EXPECT_THAT(quarters, SizeIs(8));
  EXPECT_THAT(choices, Each(2));
}

TEST(DimensionTest, APriorDecidesHowOftenAChoiceIsDrawn) {
  Dimension gate = Choice(2);
  gate.prior = {0.3, 0.7};
  Random random(3, 0);
  int on = 0;
  for (int i = 0; i < 10'000; ++i) on += ChoiceAt(DrawPoint({gate}, random), 0) == 1;
  EXPECT_NEAR(on, 7000, 230);
  // Choices beyond the prior are as likely as its last.
  gate.choices = 3;
  EXPECT_DOUBLE_EQ(gate.PriorOf(2), 0.7 / 1.7);
}

TEST(DimensionTest, MattersWhileOneOfItsGatesIsOn) {
  Dimension gated = Number(0, 1);
  gated.gates = {0, 1};
  const std::vector<Dimension> dimensions = {Choice(2), Choice(2), gated};
  EXPECT_TRUE(Matters(dimensions, {1, 0, 0.5}, 2));
  EXPECT_TRUE(Matters(dimensions, {0, 1, 0.5}, 2));
  EXPECT_FALSE(Matters(dimensions, {0, 0, 0.5}, 2));
  EXPECT_TRUE(Matters(dimensions, {0, 0, 0.5}, 0));
}

TEST(DimensionTest, AMutationIsNearby) {
  const std::vector<Dimension> dimensions = {Number(0, 1), Choice(5), Choice(5), Choice(5)};
  Random random(3, 0);
  double changed = 0;
  double moved = 0;
  for (int i = 0; i < 1'000; ++i) {
    const Point point = Mutated(dimensions, {0.5, 2, 2, 2}, 0, random);
    ASSERT_GE(point[0], 0);
    ASSERT_LE(point[0], 1);
    size_t differ = 0;
    for (size_t d = 0; d < 4; ++d) differ += point[d] != Point{0.5, 2, 2, 2}[d];
    ASSERT_LE(differ, 1u);
    changed += static_cast<double>(differ);
    moved = std::max(moved, std::abs(point[0] - 0.5));
  }
  // One in four is the number, which moves; choices are drawn, and may be drawn as they were.
  EXPECT_NEAR(changed, 250 + 750 * 0.8, 80);
  EXPECT_GT(moved, 0.3);
}

}  // namespace
}  // namespace moa
