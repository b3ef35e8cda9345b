#include "worker/rpc/slot_grants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace moa::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using State = SlotGrants::State;

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);
absl::Time At(double seconds) { return kStart + absl::Seconds(seconds); }

SlotGrants MakeGrants(uint32_t slots, size_t coordinators) {
  SlotGrants grants(slots);
  for (size_t i = 0; i < coordinators; ++i) grants.Add();
  return grants;
}

TEST(SlotGrantsTest, OneCoordinatorHasThemAllFromTheFirstWord) {
  SlotGrants grants = MakeGrants(16, 1);
  EXPECT_FALSE(grants.IsWhole());
  EXPECT_EQ(grants.Dial(0, {{}}), 16u);
  EXPECT_TRUE(grants.IsWhole());
}

TEST(SlotGrantsTest, OneMoreGetsItsPartOnceThoseThatHadThemAllGiveThem) {
  SlotGrants grants = MakeGrants(16, 1);
  grants.Dial(0, {{}});
  grants.Rebalance({{.welcomed = true}}, At(0));
  grants.Add();
  EXPECT_FALSE(grants.IsWhole());
  EXPECT_EQ(grants.Dial(1, {{.welcomed = true}, {}}), 0u) << "the first may use them all";
  const std::vector<State> both = {{.welcomed = true}, {.welcomed = true}};
  EXPECT_THAT(grants.Rebalance(both, At(1)), ElementsAre(0u));
  EXPECT_EQ(grants.told(0), 8u);
  grants.Confirm(0, 8);
  EXPECT_THAT(grants.Rebalance(both, At(1.01)), ElementsAre(1u));
  EXPECT_EQ(grants.told(1), 8u);
}

TEST(SlotGrantsTest, OneThatIsAloneAgainHasThemAll) {
  SlotGrants grants = MakeGrants(16, 3);
  const std::vector<State> all(3, {.welcomed = true});
  for (size_t i = 0; i < 3; ++i) grants.Dial(i, {{}, {}, {}});
  grants.Rebalance(all, At(0));
  const uint32_t last = grants.told(2);
  grants.Lose(0);
  grants.Remove(0);
  EXPECT_EQ(grants.told(1), last) << "those behind it move up";
  grants.Lose(0);
  grants.Remove(0);
  EXPECT_FALSE(grants.IsWhole());
  EXPECT_THAT(grants.Rebalance({{.welcomed = true}}, At(0.01)), ElementsAre(0u));
  EXPECT_EQ(grants.told(0), 16u);
  EXPECT_TRUE(grants.IsWhole());
}

TEST(SlotGrantsTest, WhereThereAreTooFewWhoIsIdleHasNone) {
  SlotGrants grants = MakeGrants(2, 3);
  for (size_t i = 0; i < 3; ++i) grants.Dial(i, {{}, {}, {}});
  std::vector<State> states(3, {.welcomed = true});
  states[2].waiting = 5;
  absl::Time now = At(0);
  for (int round = 0; round < 5; ++round) {
    now += absl::Seconds(1);
    grants.Rebalance(states, now);
    for (size_t i = 0; i < 3; ++i) grants.Confirm(i, grants.told(i));
  }
  EXPECT_EQ(grants.told(2), 2u);
}

TEST(SlotGrantsTest, OfSeveralEachHasOneUntilItAnswersAndThenItsPart) {
  SlotGrants grants = MakeGrants(16, 2);
  EXPECT_EQ(grants.Dial(0, {{}, {}}), 1u);
  EXPECT_EQ(grants.Dial(1, {{}, {}}), 1u);
  EXPECT_THAT(grants.Rebalance({{.welcomed = true}, {}}, At(0)), ElementsAre(0u));
  EXPECT_EQ(grants.told(0), 15u) << "the other may answer any moment";
  EXPECT_THAT(grants.Rebalance({{.welcomed = true}, {.welcomed = true}}, At(0.01)),
              ElementsAre(0u));
  EXPECT_EQ(grants.told(0), 8u);
  EXPECT_EQ(grants.usable(0), 15u) << "until it has confirmed";
  EXPECT_EQ(grants.told(1), 1u);
  grants.Confirm(0, 8);
  EXPECT_THAT(grants.Rebalance({{.welcomed = true}, {.welcomed = true}}, At(0.02)),
              ElementsAre(1u));
  EXPECT_EQ(grants.told(1), 8u);
}

class PairTest : public testing::Test {
 protected:
  PairTest() {
    grants_.Dial(0, {{}, {}});
    grants_.Dial(1, {{}, {}});
    const std::vector<State> idle = {{.welcomed = true}, {.welcomed = true}};
    grants_.Rebalance(idle, At(0));
  }
  SlotGrants grants_ = MakeGrants(10, 2);
};

TEST_F(PairTest, DemandMovesThemAtMostEveryQuarterOfASecond) {
  const std::vector<State> busy = {{.welcomed = true, .running = 5, .waiting = 20},
                                   {.welcomed = true}};
  EXPECT_THAT(grants_.Rebalance(busy, At(0.1)), IsEmpty());
  EXPECT_EQ(grants_.deadline(), At(0.25));
  EXPECT_THAT(grants_.Rebalance(busy, At(0.25)), ElementsAre(1u));
  EXPECT_EQ(grants_.told(1), 1u);
  grants_.Confirm(1, 1);
  EXPECT_THAT(grants_.Rebalance(busy, At(0.26)), ElementsAre(0u));
  EXPECT_EQ(grants_.told(0), 9u);
}

TEST_F(PairTest, WithoutDemandTheyStay) {
  EXPECT_THAT(grants_.Rebalance({{.welcomed = true, .running = 5}, {.welcomed = true}}, At(9)),
              IsEmpty());
}

TEST_F(PairTest, OneThatTellsNoDemandGetsItsPartBackWhenTheOtherIsIdle) {
  std::vector<State> states = {{.welcomed = true, .running = 5, .waiting = 20},
                               {.welcomed = true, .silent = true}};
  grants_.Rebalance(states, At(1));
  grants_.Confirm(1, 1);
  grants_.Rebalance(states, At(2));
  ASSERT_EQ(grants_.told(0), 9u);
  states[0] = {.welcomed = true};
  EXPECT_THAT(grants_.Rebalance(states, At(3)), ElementsAre(0u));
  grants_.Confirm(0, 5);
  EXPECT_THAT(grants_.Rebalance(states, At(4)), ElementsAre(1u));
  EXPECT_EQ(grants_.told(1), 5u);
}

TEST_F(PairTest, WhatRunsKeepsItsSlotWhenItsGrantIsLowered) {
  const std::vector<State> states = {{.welcomed = true, .running = 5, .waiting = 20},
                                     {.welcomed = true, .running = 5}};
  EXPECT_THAT(grants_.Rebalance(states, At(1)), IsEmpty()) << "both have their fair half";
  const std::vector<State> later = {{.welcomed = true, .running = 5, .waiting = 20},
                                    {.welcomed = true, .running = 3}};
  grants_.Rebalance(later, At(2));
  grants_.Confirm(1, 3);
  grants_.Rebalance(later, At(2.1));
  EXPECT_EQ(grants_.told(0), 7u);
}

TEST_F(PairTest, AnOldCoordinatorThatNeverConfirmsHoldsThemForTwoSeconds) {
  const std::vector<State> busy = {{.welcomed = true, .running = 5, .waiting = 20},
                                   {.welcomed = true}};
  grants_.Rebalance(busy, At(1));
  EXPECT_EQ(grants_.usable(1), 5u);
  grants_.Rebalance(busy, At(2.9));
  EXPECT_EQ(grants_.usable(1), 5u);
  EXPECT_THAT(grants_.Rebalance(busy, At(3)), ElementsAre(0u));
  EXPECT_EQ(grants_.usable(1), 1u);
  EXPECT_EQ(grants_.told(0), 9u);
}

TEST_F(PairTest, ALostCoordinatorsSlotsAreFreeButForWhatRuns) {
  grants_.Lose(1);
  EXPECT_THAT(grants_.Rebalance({{.welcomed = true}, {.running = 3}}, At(0.1)), ElementsAre(0u));
  EXPECT_EQ(grants_.told(0), 7u);
}

TEST_F(PairTest, AConfirmationOfAnEarlierGrantCountsForNothing) {
  const std::vector<State> busy = {{.welcomed = true, .running = 5, .waiting = 20},
                                   {.welcomed = true}};
  grants_.Rebalance(busy, At(1));
  grants_.Confirm(1, 5);
  EXPECT_EQ(grants_.usable(1), 5u);
}

// Coordinators that obey the protocol and come and go in every order: a worker never runs more than it has slots, where
// somebody waits no slot stays unused for long, and one that is left alone has them all.
TEST(SlotGrantsWalkTest, NeverMoreThanThereAreAndNoneIsLeftIdleWhileSomebodyWaits) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const uint32_t slots = 3 + random() % 20;
    size_t count = 1 + random() % 3;
    SlotGrants grants = MakeGrants(slots, count);
    std::vector<State> states(count);
    std::vector<uint32_t> heard(count, 0);  // the grant as the coordinator knows it
    absl::Time now = kStart;
    const auto run = [&](size_t i) {
      // What it sends before it hears of a lower grant.
      if (states[i].welcomed && states[i].waiting > 0 && states[i].running < heard[i]) {
        --states[i].waiting;
        ++states[i].running;
      }
    };
    for (int step = 0; step < 400; ++step) {
      now += absl::Milliseconds(random() % 50);
      if (random() % 40 == 0 && count < 4) {
        grants.Add();
        states.emplace_back();
        heard.push_back(0);
        ++count;
      }
      const size_t i = random() % count;
      if (random() % 40 == 0 && count > 1 && !states[i].welcomed && states[i].running == 0) {
        grants.Remove(i);
        states.erase(states.begin() + static_cast<ptrdiff_t>(i));
        heard.erase(heard.begin() + static_cast<ptrdiff_t>(i));
        --count;
        continue;
      }
      switch (random() % 8) {
        case 0:
          if (!states[i].welcomed) break;
          states[i].welcomed = false;
          states[i].waiting = 0;
          grants.Lose(i);
          break;
        case 1:
          if (states[i].welcomed) break;
          heard[i] = grants.Dial(i, states);
          states[i].welcomed = true;
          break;
        case 2:
          if (states[i].welcomed) states[i].waiting += random() % 10;
          break;
        case 3:
          if (states[i].running > 0) --states[i].running;
          break;
        case 4:
          if (!states[i].welcomed) break;
          heard[i] = grants.told(i);
          grants.Confirm(i, heard[i]);
          break;
        default:
          run(i);
      }
      grants.Rebalance(states, now);
      uint32_t running = 0;
      for (const State& state : states) running += state.running;
      ASSERT_LE(running, slots) << "seed " << seed << " step " << step;
    }
    // From here on everybody is there and answers.
    for (size_t i = 0; i < count; ++i) {
      if (!states[i].welcomed) heard[i] = grants.Dial(i, states);
      states[i] = {.welcomed = true, .running = states[i].running, .waiting = 100};
    }
    for (int round = 0; round < 20; ++round) {
      now += absl::Milliseconds(260);
      grants.Rebalance(states, now);
      for (size_t i = 0; i < count; ++i) {
        heard[i] = grants.told(i);
        grants.Confirm(i, heard[i]);
        for (uint32_t n = 0; n < slots; ++n) run(i);
        if (round < 10 && states[i].running > 0) --states[i].running;
      }
    }
    uint32_t running = 0;
    for (const State& state : states) running += state.running;
    EXPECT_EQ(running, slots) << "seed " << seed;
    while (count > 1) {
      grants.Lose(--count);
      grants.Remove(count);
      states.pop_back();
    }
    grants.Rebalance(states, now);
    grants.Confirm(0, grants.told(0));
    grants.Rebalance(states, now);
    EXPECT_EQ(grants.told(0), slots) << "seed " << seed;
    EXPECT_TRUE(grants.IsWhole());
  }
}

}  // namespace
}  // namespace moa::worker
