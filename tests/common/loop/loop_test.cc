#include "common/loop/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "common/loop/mutex.h"

namespace moa {
namespace {

using testing::ElementsAre;

// Runs `task` on the loop and returns when it has run.
void RunOn(Loop& loop, std::function<void()> task) {
  std::promise<void> ran;
  loop.Post([&] {
    task();
    ran.set_value();
  });
  ASSERT_EQ(ran.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

struct SocketPair {
  SocketPair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0); }
  ~SocketPair() {
    close(fds[0]);
    if (fds[1] >= 0) close(fds[1]);
  }
  int fds[2];
};

TEST(LoopTest, RunsTasksInTheOrderTheyWerePosted) {
  Loop loop("test");
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) loop.Post([&order, i] { order.push_back(i); });
  loop.Stop();
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(LoopTest, LosesNoTaskOfManyThreads) {
  Loop loop("test");
  int count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) loop.Post([&count] { ++count; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  loop.Stop();
  EXPECT_EQ(count, 8000);
}

TEST(LoopTest, StopRunsWhatWasPostedAndDropsWhatComesLater) {
  Loop loop("test");
  bool before = false;
  bool after = false;
  loop.Post([&] { before = true; });
  loop.Stop();
  loop.Post([&] { after = true; });
  loop.Stop();  // again: nothing happens
  EXPECT_TRUE(before);
  EXPECT_FALSE(after);
}

TEST(LoopTest, StopFromTwoThreadsReturnsInBoth) {
  Loop loop("test");
  std::thread other([&] { loop.Stop(); });
  loop.Stop();
  other.join();
}

TEST(LoopTest, KnowsItsThread) {
  Loop loop("a name that is longer than fifteen characters");
  EXPECT_FALSE(loop.OnLoopThread());
  bool on = false;
  RunOn(loop, [&] {
    loop.AssertHeld();
    on = loop.OnLoopThread();
  });
  EXPECT_TRUE(on);
}

TEST(LoopDeathTest, AbortsWhenATimerIsSetFromAnotherThread) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Loop loop("test");
        loop.CallAt(Loop::Now(), [] {});
      },
      "OnLoopThread");
}

TEST(LoopTest, FiresTimersByTimeThenByTheirSetting) {
  Loop loop("test");
  std::vector<int> order;
  std::promise<void> last;
  loop.Post([&] {
    const absl::Time now = Loop::Now();
    loop.CallAt(now + absl::Milliseconds(5), [&] {
      order.push_back(4);
      last.set_value();
    });
    loop.CallAt(now - absl::Seconds(1), [&] { order.push_back(2); });
    loop.CallAt(now - absl::Seconds(1), [&] { order.push_back(3); });
    loop.CallAt(now - absl::Seconds(2), [&] { order.push_back(1); });
  });
  ASSERT_EQ(last.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  loop.Stop();
  EXPECT_THAT(order, ElementsAre(1, 2, 3, 4));
}

TEST(LoopTest, NeverFiresATimerEarly) {
  Loop loop("test");
  std::promise<absl::Duration> early;
  loop.Post([&] {
    const absl::Time when = Loop::Now() + absl::Milliseconds(20);
    loop.CallAt(when, [&, when] { early.set_value(when - Loop::Now()); });
  });
  EXPECT_LE(early.get_future().get(), absl::ZeroDuration());
}

TEST(LoopTest, CancelsATimerOnceAndReportsIt) {
  Loop loop("test");
  bool fired = false;
  RunOn(loop, [&] {
    const Loop::TimerId id = loop.CallAt(Loop::Now() - absl::Seconds(1), [&] { fired = true; });
    EXPECT_TRUE(loop.CancelTimer(id));
    EXPECT_FALSE(loop.CancelTimer(id));
    EXPECT_FALSE(loop.CancelTimer(12345));
  });
  RunOn(loop, [] {});
  loop.Stop();
  EXPECT_FALSE(fired);
}

TEST(LoopTest, ATimerMayCancelAnotherOfTheSameTurn) {
  Loop loop("test");
  bool second = false;
  std::promise<void> first;
  loop.Post([&] {
    const absl::Time past = Loop::Now() - absl::Seconds(1);
    auto id = std::make_shared<Loop::TimerId>(0);
    loop.CallAt(past, [&, id] {
      EXPECT_TRUE(loop.CancelTimer(*id));
      first.set_value();
    });
    *id = loop.CallAt(past, [&] { second = true; });
  });
  first.get_future().get();
  loop.Stop();
  EXPECT_FALSE(second);
}

// A timer that always sets itself for a time in the past. Posted tasks run all the same.
TEST(LoopTest, ATimerThatKeepsSettingItselfStarvesNobody) {
  Loop loop("test");
  std::function<void()> again = [&] {
    loop.CallAt(Loop::Now() - absl::Hours(1), [&] { again(); });
  };
  RunOn(loop, again);
  for (int i = 0; i < 10; ++i) RunOn(loop, [] {});
  loop.Stop();
}

TEST(LoopTest, WatchesADescriptorUntilItIsUnwatched) {
  Loop loop("test");
  SocketPair pair;
  std::promise<std::string> read_text;
  int calls = 0;
  RunOn(loop, [&] {
    loop.WatchFd(pair.fds[0], EPOLLIN, [&](uint32_t events) {
      EXPECT_NE(events & EPOLLIN, 0u);
      char bytes[16];
      const ssize_t n = read(pair.fds[0], bytes, sizeof bytes);
      ++calls;
      loop.UnwatchFd(pair.fds[0]);  // from its own callback
      read_text.set_value(std::string(bytes, static_cast<size_t>(n)));
    });
  });
  ASSERT_EQ(write(pair.fds[1], "hello", 5), 5);
  EXPECT_EQ(read_text.get_future().get(), "hello");
  ASSERT_EQ(write(pair.fds[1], "again", 5), 5);
  RunOn(loop, [] {});
  RunOn(loop, [] {});
  loop.Stop();
  EXPECT_EQ(calls, 1);
}

TEST(LoopTest, ACallbackMayReplaceItself) {
  Loop loop("test");
  SocketPair pair;
  std::promise<int> done;
  RunOn(loop, [&] {
    const std::string captured(100, 'x');  // so that the callback lives on the heap
    loop.WatchFd(pair.fds[0], EPOLLIN, [&, captured](uint32_t) {
      loop.WatchFd(pair.fds[0], EPOLLIN, [&](uint32_t) {
        loop.UnwatchFd(pair.fds[0]);
        done.set_value(2);
      });
      EXPECT_EQ(captured.size(), 100u);
    });
  });
  ASSERT_EQ(write(pair.fds[1], "x", 1), 1);
  EXPECT_EQ(done.get_future().get(), 2);
}

// Both descriptors are ready in one turn; whichever comes first unwatches the other, which then
// must not run.
TEST(LoopTest, AnUnwatchedDescriptorIsNotCalledInTheSameTurn) {
  Loop loop("test");
  SocketPair a;
  SocketPair b;
  int calls = 0;
  ASSERT_EQ(write(a.fds[1], "x", 1), 1);
  ASSERT_EQ(write(b.fds[1], "x", 1), 1);
  RunOn(loop, [&] {
    const auto callback = [&](uint32_t) {
      ++calls;
      loop.UnwatchFd(a.fds[0]);
      loop.UnwatchFd(b.fds[0]);
    };
    loop.WatchFd(a.fds[0], EPOLLIN, callback);
    loop.WatchFd(b.fds[0], EPOLLIN, callback);
  });
  RunOn(loop, [] {});
  RunOn(loop, [] {});
  loop.Stop();
  EXPECT_EQ(calls, 1);
}

// A descriptor that was closed before it was unwatched, and whose number is taken by another one.
TEST(LoopTest, WatchesAReusedDescriptorNumber) {
  Loop loop("test");
  SocketPair first;
  SocketPair second;
  std::promise<void> ready;
  RunOn(loop, [&] {
    loop.WatchFd(first.fds[0], EPOLLIN, [](uint32_t) {});
    ASSERT_EQ(dup2(second.fds[0], first.fds[0]), first.fds[0]);
    loop.WatchFd(first.fds[0], EPOLLIN, [&](uint32_t) {
      loop.UnwatchFd(first.fds[0]);
      ready.set_value();
    });
  });
  ASSERT_EQ(write(second.fds[1], "x", 1), 1);
  EXPECT_EQ(ready.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

TEST(LoopTest, CallsTheBatchHookAfterEachTurn) {
  Loop loop("test");
  int tasks = 0;
  int seen = 0;
  loop.SetBatchHook([&] { seen = tasks; });
  RunOn(loop, [&] { ++tasks; });
  loop.Stop();
  EXPECT_EQ(seen, 1);
}

TEST(LoopTest, AWriteToAClosedConnectionIsNoSignal) {
  Loop loop("test");
  SocketPair pair;
  close(std::exchange(pair.fds[1], -1));
  ssize_t written = 0;
  RunOn(loop, [&] { written = write(pair.fds[0], "x", 1); });
  EXPECT_EQ(written, -1);
}

TEST(LoopTest, NowNeverGoesBack) {
  absl::Time last = Loop::Now();
  for (int i = 0; i < 10000; ++i) {
    const absl::Time now = Loop::Now();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_LT(absl::AbsDuration(last - absl::Now()), absl::Minutes(1));
}

TEST(MutexTest, GuardsACounterAndWakesAWaiter) {
  struct State {
    Mutex mutex;
    CondVar changed;
    int count ABSL_GUARDED_BY(mutex) = 0;
  } state;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        MutexLock lock(state.mutex);
        ++state.count;
        state.changed.NotifyAll();
      }
    });
  }
  {
    MutexLock lock(state.mutex);
    while (state.count < 4000) state.changed.Wait(state.mutex);
    EXPECT_FALSE(state.changed.WaitFor(state.mutex, std::chrono::microseconds(1)) &&
                 state.count < 4000);
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace moa
