#include "common/base/fair_split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace moa {
namespace {

using Parts = std::vector<uint64_t>;

TEST(FairSplitTest, MeetsSmallNeedsAndLevelsTheLargeOnes) {
  struct Case {
    uint64_t total;
    Parts needs;
    Parts parts;
  };
  const Case cases[] = {
      {10, {}, {}},
      {10, {0}, {10}},
      {10, {3}, {10}},
      {10, {30}, {10}},
      {0, {3, 4}, {0, 0}},
      {10, {0, 0}, {5, 5}},
      {10, {1, 2}, {5, 5}},
      {10, {2, 9, 9}, {2, 4, 4}},
      {10, {9, 9, 2}, {4, 4, 2}},
      {11, {9, 2, 9}, {5, 2, 4}},
      {10, {5, 5}, {5, 5}},
      {10, {4, 6}, {4, 6}},
      {10, {6, 4, 1}, {5, 4, 1}},
      {2, {7, 7, 7}, {1, 1, 0}},
      {12, {0, 20, 3}, {0, 9, 3}},
      {10, {~uint64_t{0}, ~uint64_t{0}}, {5, 5}},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(FairSplit(one.total, one.needs), one.parts) << testing::PrintToString(one.needs);
  }
}

TEST(FairSplitTest, SumsToTheTotalAndEnviesNobody) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    Parts needs(1 + random() % 6);
    for (uint64_t& need : needs) need = random() % 400;
    const uint64_t total = random() % 1000;
    const Parts parts = FairSplit(total, needs);
    ASSERT_EQ(std::accumulate(parts.begin(), parts.end(), uint64_t{0}), total);
    for (size_t a = 0; a < parts.size(); ++a) {
      for (size_t b = 0; b < parts.size(); ++b) {
        // Who got less than it needs has, but for a remainder, no less than anybody.
        if (parts[a] < needs[a]) {
          ASSERT_LE(parts[b], parts[a] + 1);
        }
      }
    }
  }
}

}  // namespace
}  // namespace moa
