#include "coordinator/scheduler/storm_gate.h"

#include <gtest/gtest.h>

#include <vector>

namespace moa {
namespace {

const absl::Time kGateStart = absl::FromUnixSeconds(1'700'000'000);
constexpr uint64_t kMiddle = uint64_t{1} << 63;

// Sends as long as the gate lets it, at most `most`; returns the rounds.
std::vector<uint64_t> SendAll(StormGate& gate, size_t most, absl::Time now) {
  std::vector<uint64_t> rounds;
  while (rounds.size() < most && gate.Admits(now)) rounds.push_back(gate.Sent(now));
  return rounds;
}

TEST(StormGateTest, AnOpenGateBoundsNothing) {
  StormGate gate;
  EXPECT_EQ(SendAll(gate, 1000, kGateStart).size(), 1000u);
  EXPECT_EQ(gate.window(), 0);
}

TEST(StormGateTest, CallsOfOneRoundLowerTheWindowOnce) {
  StormGate gate;
  const auto rounds = SendAll(gate, 100, kGateStart);
  gate.Busy(rounds[0], kMiddle, kGateStart);
  const double window = gate.window();
  EXPECT_LT(window, 100);
  EXPECT_GT(window, 90);
  gate.Busy(rounds[1], kMiddle, kGateStart);
  EXPECT_EQ(gate.window(), window);
}

TEST(StormGateTest, BusyAnswersNowAndThenLeaveMostOfTheWindow) {
  StormGate gate;
  for (int i = 0; i < 400; ++i) {
    const auto rounds = SendAll(gate, 64, kGateStart);
    for (size_t k = 0; k < rounds.size(); ++k) {
      if ((static_cast<size_t>(i) * 64 + k) % 20 == 7) {
        gate.Busy(rounds[k], kMiddle, kGateStart);
      } else {
        gate.Answered(rounds[k], kGateStart);
      }
    }
  }
  EXPECT_FALSE(gate.closed());
  EXPECT_GT(SendAll(gate, 64, kGateStart).size(), 24u);
}

TEST(StormGateTest, AStormClosesItToSingleProbes) {
  StormGate gate;
  for (const uint64_t round : SendAll(gate, 100, kGateStart)) {
    gate.Busy(round, kMiddle, kGateStart);
  }
  EXPECT_TRUE(gate.closed());
  EXPECT_FALSE(gate.Admits(kGateStart));
  const absl::Time probe_at = gate.AdmitsAt(kGateStart);
  EXPECT_GT(probe_at, kGateStart);
  EXPECT_LE(probe_at, kGateStart + absl::Milliseconds(300));
  EXPECT_EQ(SendAll(gate, 100, probe_at).size(), 1u);
  EXPECT_EQ(gate.AdmitsAt(probe_at), absl::InfiniteFuture());
}

// The whole of a ten-second storm costs what was under way at its start and some forty probes.
TEST(StormGateTest, ProbesAreFewAndComeEverMoreSeldom) {
  StormGate gate;
  for (const uint64_t round : SendAll(gate, 50, kGateStart)) {
    gate.Busy(round, kMiddle, kGateStart);
  }
  int probes = 0;
  absl::Duration pause;
  for (absl::Time now = kGateStart; now < kGateStart + absl::Seconds(10); ++probes) {
    const absl::Time at = gate.AdmitsAt(now);
    pause = at - now;
    now = at + absl::Milliseconds(5);
    gate.Busy(gate.Sent(at), kMiddle, now);
  }
  EXPECT_LT(probes, 45);
  EXPECT_GT(pause, absl::Milliseconds(400));
  EXPECT_LT(pause, absl::Milliseconds(700));
}

TEST(StormGateTest, AnAnsweredProbeOpensItAndTheWindowGrowsQuickly) {
  StormGate gate;
  for (const uint64_t round : SendAll(gate, 64, kGateStart)) {
    gate.Busy(round, kMiddle, kGateStart);
  }
  absl::Time now = gate.AdmitsAt(kGateStart);
  gate.Answered(gate.Sent(now), now);
  EXPECT_FALSE(gate.closed());
  EXPECT_EQ(gate.window(), 16);
  int rounds = 0;
  for (; rounds < 10; ++rounds) {
    const auto sent = SendAll(gate, 64, now);
    for (const uint64_t round : sent) gate.Answered(round, now);
    if (sent.size() == 64) break;
  }
  EXPECT_LE(rounds, 3);
}

TEST(StormGateTest, AnswersOfBeforeTheStormDoNotOpenIt) {
  StormGate gate;
  const auto rounds = SendAll(gate, 20, kGateStart);
  for (size_t i = 0; i < 10; ++i) gate.Busy(rounds[i], kMiddle, kGateStart);
  for (size_t i = 10; i < 20; ++i) gate.Answered(rounds[i], kGateStart);
  EXPECT_TRUE(gate.closed());
  EXPECT_EQ(gate.under_way(), 0u);
}

TEST(StormGateTest, AProbeThatIsDroppedIsFollowedByAnother) {
  StormGate gate;
  for (const uint64_t round : SendAll(gate, 20, kGateStart)) {
    gate.Busy(round, kMiddle, kGateStart);
  }
  const absl::Time now = gate.AdmitsAt(kGateStart);
  gate.Dropped(gate.Sent(now), now);
  EXPECT_TRUE(gate.closed());
  EXPECT_TRUE(gate.Admits(now));
}

}  // namespace
}  // namespace moa
