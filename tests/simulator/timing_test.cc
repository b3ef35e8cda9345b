#include "simulator/timing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace moa::simulator {
namespace {

const Model& GptOss() { return *FindModel("gpt-oss-120b"); }

// The measured medians: about 4.5 ms of queue, 40,000 prompt tokens and 1,650 completion tokens a
// second.
TEST(TimingTest, MatchesTheMeasuredMedians) {
  Random random(1);
  std::vector<double> queues;
  int slow = 0;
  for (int i = 0; i < 2'000; ++i) {
    const Timing timing = TimingOf(GptOss(), 400, false, 165, 1, 0.1, random);
    queues.push_back(timing.queue);
    slow += timing.queue > 0.1 ? 1 : 0;
    EXPECT_NEAR(timing.prompt, 0.0115, 1e-9);
    EXPECT_NEAR(timing.completion, 0.0936, 0.001);
    EXPECT_GT(timing.total, timing.queue + timing.prompt + timing.completion);
  }
  std::nth_element(queues.begin(), queues.begin() + 1'000, queues.end());
  EXPECT_NEAR(queues[1'000], 0.0046, 0.0005);
  EXPECT_NEAR(slow, 200, 60);
}

TEST(TimingTest, LongRepliesRunAtTheLongRate) {
  Random random(1);
  EXPECT_NEAR(TimingOf(GptOss(), 10, false, 6'000, 1, 0, random).completion, 2.0, 1e-9);
}

TEST(TimingTest, ScalesEverythingAndZeroIsAtOnce) {
  Random a(1);
  Random b(1);
  const Timing one = TimingOf(GptOss(), 100, true, 100, 1, 0.1, a);
  const Timing ten = TimingOf(GptOss(), 100, true, 100, 10, 0.1, b);
  EXPECT_NEAR(ten.total, 10 * one.total, 1e-9);
  EXPECT_NEAR(ten.tokens_per_second, one.tokens_per_second / 10, 1e-9);
  const Timing none = TimingOf(GptOss(), 100, true, 100, 0, 0.1, a);
  EXPECT_EQ(none.total, 0);
  EXPECT_EQ(none.tokens_per_second, 0);
}

}  // namespace
}  // namespace moa::simulator
