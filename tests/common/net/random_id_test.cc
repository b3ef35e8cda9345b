#include "common/net/random_id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace moa {
namespace {

TEST(RandomIdTest, TimeOrderedIdsAscendWithinOneMillisecondAndWhenTheClockGoesBack) {
  const absl::Time now = absl::FromUnixMillis(1'800'000'000'000);
  std::vector<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.push_back(NewTimeOrderedId(now));
  ids.push_back(NewTimeOrderedId(now - absl::Seconds(5)));
  ids.push_back(NewTimeOrderedId(now + absl::Milliseconds(1)));
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST(RandomIdTest, TimeOrderedIdsBeginWithTheTime) {
  // 2^48 - 1 ms is far beyond every other test's clock, so this one's ids ascend above theirs.
  const std::string id = NewTimeOrderedId(absl::FromUnixMillis((int64_t{1} << 48) - 1));
  EXPECT_EQ(id.substr(0, 10), "7ZZZZZZZZZ");
  EXPECT_TRUE(IsTimeOrderedId(id));
}

TEST(RandomIdTest, ThreadsNeverGetTheSameId) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  std::vector<std::vector<std::string>> made(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&made, t] {
      for (int i = 0; i < kEach; ++i) made[t].push_back(NewTimeOrderedId());
    });
  }
  for (std::thread& thread : threads) thread.join();
  absl::flat_hash_set<std::string> all;
  for (const auto& ids : made) all.insert(ids.begin(), ids.end());
  EXPECT_EQ(all.size(), size_t{kThreads * kEach});
}

TEST(RandomIdTest, RecognisesItsOwnFormOnly) {
  EXPECT_TRUE(IsTimeOrderedId("01JDXC5V7M8QW2Z9YKTR4N6PHB"));
  EXPECT_FALSE(IsTimeOrderedId(""));
  EXPECT_FALSE(IsTimeOrderedId("01JDXC5V7M8QW2Z9YKTR4N6PH"));
  EXPECT_FALSE(IsTimeOrderedId("01jdxc5v7m8qw2z9yktr4n6phb"));
  EXPECT_FALSE(IsTimeOrderedId("81JDXC5V7M8QW2Z9YKTR4N6PHB")) << "131 bits";
  EXPECT_FALSE(IsTimeOrderedId("01JDXC5V7M8QW2Z9YKTR4N6PH/"));
  EXPECT_FALSE(IsTimeOrderedId("01JDXC5V7M8QW2Z9YKTR4N6PHU")) << "U is not in the alphabet";
}

TEST(RandomIdTest, RandomIdsAndSeedsDiffer) {
  EXPECT_NE(RandomId(), RandomId());
  EXPECT_EQ(RandomId().size(), 26u);
  EXPECT_NE(RandomSeed(), RandomSeed());
}

}  // namespace
}  // namespace moa
