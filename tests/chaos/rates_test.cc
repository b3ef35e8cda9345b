#include "tests/chaos/rates.h"

#include <gtest/gtest.h>

namespace moa::chaos {
namespace {

constexpr int64_t kSecond = 1'000'000;

// `per_second` ends a second, evenly, in [from, to).
void AddEnds(int64_t from_s, int64_t to_s, int64_t per_second, std::vector<int64_t>& ends) {
  for (int64_t s = from_s; s < to_s; ++s) {
    for (int64_t i = 0; i < per_second; ++i) ends.push_back(s * kSecond + i * kSecond / per_second);
  }
}

FaultRecord FaultAt(int64_t struck_s, int64_t undone_s) {
  return {.kind = "kill",
          .struck_us = struck_s * kSecond,
          .undone_us = undone_s * kSecond,
          .healing_us = undone_s * kSecond};
}

TEST(RatesTest, MeasuresFromTheUndoingToTheFirstFullWindow) {
  std::vector<int64_t> ends;
  AddEnds(0, 10, 40, ends);
  AddEnds(13, 20, 40, ends);
  const Rates rates = MeasureRates(ends, {FaultAt(10, 11)}, 0, 20 * kSecond);
  EXPECT_DOUBLE_EQ(rates.median, 40);
  ASSERT_EQ(rates.recoveries.size(), 1u);
  ASSERT_TRUE(rates.recoveries[0].took_s.has_value());
  EXPECT_DOUBLE_EQ(*rates.recoveries[0].took_s, 2);
  EXPECT_DOUBLE_EQ(rates.kinds.at("kill").worst_s, 2);
}

// Half the rate for good: the fault has not healed, and the time that was waited tells.
TEST(RatesTest, SaysWhenTheRateDoesNotComeBack) {
  std::vector<int64_t> ends;
  AddEnds(0, 10, 40, ends);
  AddEnds(10, 30, 20, ends);
  const Rates rates = MeasureRates(ends, {FaultAt(10, 11)}, 0, 30 * kSecond);
  EXPECT_FALSE(rates.recoveries[0].took_s.has_value());
  EXPECT_DOUBLE_EQ(rates.recoveries[0].observed_s, 19);
  EXPECT_EQ(rates.kinds.at("kill").unmeasured, 1);
}

// A rate that has not come back is not what the next fault is compared with.
TEST(RatesTest, ComparesWithTheCalmBeforeTheFirstFaultThatIsNotOver) {
  std::vector<int64_t> ends;
  AddEnds(0, 10, 40, ends);
  AddEnds(10, 20, 4, ends);
  AddEnds(23, 40, 40, ends);
  const Rates rates = MeasureRates(ends, {FaultAt(10, 10), FaultAt(20, 21)}, 0, 40 * kSecond);
  EXPECT_FALSE(rates.recoveries[0].took_s.has_value());
  EXPECT_DOUBLE_EQ(rates.recoveries[1].rate_before, 40);
  EXPECT_DOUBLE_EQ(*rates.recoveries[1].took_s, 2);
}

TEST(RatesTest, IsEmptyForARunShorterThanAWindow) {
  const Rates rates = MeasureRates({1, 2}, {FaultAt(0, 1)}, 0, kSecond);
  EXPECT_TRUE(rates.recoveries.empty());
}

}  // namespace
}  // namespace moa::chaos
