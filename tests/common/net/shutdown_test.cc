#include "common/net/shutdown.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <future>

namespace moa {
namespace {

// Signals are the process's, so each case runs in a process of its own (gtest's death tests).
int DrainOnFirstSignal(int signal) {
  BlockSignals();
  std::promise<void> drained;
  ShutdownSignals signals([&drained] { drained.set_value(); });
  kill(getpid(), signal);
  drained.get_future().wait();
  return 0;
}

[[noreturn]] void WaitForSecondSignal() {
  BlockSignals();
  ShutdownSignals signals([] { kill(getpid(), SIGTERM); });
  kill(getpid(), SIGTERM);
  while (true) pause();
}

TEST(ShutdownDeathTest, TheFirstSignalCallsDrainAndTheProcessGoesOn) {
  EXPECT_EXIT(_exit(DrainOnFirstSignal(SIGTERM)), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(_exit(DrainOnFirstSignal(SIGINT)), testing::ExitedWithCode(0), "");
}

TEST(ShutdownDeathTest, TheSecondSignalEndsTheProcessAtOnce) {
  EXPECT_EXIT(WaitForSecondSignal(), testing::ExitedWithCode(128 + SIGTERM), "");
}

TEST(ShutdownTest, EndsWithoutASignal) {
  int drains = 0;
  {
    ShutdownSignals signals([&drains] { ++drains; });
  }
  EXPECT_EQ(drains, 0);
}

}  // namespace
}  // namespace moa
