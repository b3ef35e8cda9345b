#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/loop/mutex.h"

namespace moa {

// One thread that owns state: others post closures to it, it runs them in order, and timers and
// file descriptors call back on it. Built on epoll, so that libcurl's sockets can live on the same
// thread as the state they report to (a hop between threads costs 13 µs on two cores, a call on the
// same thread nothing).
//
// Being on the loop is a capability that clang checks: state is ABSL_GUARDED_BY(loop), methods are
// ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop), and a closure that the loop runs begins with
// loop.AssertHeld().
//
//   Loop loop("coordinator");
//   loop.Post([&] { loop.AssertHeld(); machine.Apply(...); });
//   loop.Stop();   // runs what was posted before, then joins
//
// Owner: the composition root, which outlives every user. Post, Stop, SetBatchHook, Now and
// OnLoopThread are thread-safe; everything else is for the loop's thread only, and aborts on
// another one.
//
// The thread blocks signals, so that they are handled where main wants them and a write to a closed
// connection is an error, not a SIGPIPE.
class ABSL_LOCKABLE Loop {
 public:
  using Task = absl::AnyInvocable<void()>;
  using TimerId = uint64_t;
  // Bits of EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP.
  using FdCallback = std::function<void(uint32_t epoll_events)>;

  // Starts the thread; `name` (its first 15 characters) shows in ps and gdb.
  explicit Loop(const char* name);
  // Calls Stop.
  ~Loop() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs `task` on the loop's thread after everything posted before it. Never blocks, never runs it
  // inline. Once Stop was called, the task is destroyed without having run.
  void Post(Task task);

  // Runs what has been posted so far, then ends the thread and joins it. Pending timers never fire.
  // Idempotent; every call returns after the end. REQUIRES: not on the loop's thread.
  void Stop();

  // Calls `task` once, at or soon after `when` (of Now()'s clock); from the next turn of the loop
  // on, even when that is past. Timers of the same turn run in order of time, then of their
  // setting.
  TimerId CallAt(absl::Time when, Task task);
  // False when the timer has fired or was cancelled before.
  bool CancelTimer(TimerId id);

  // Watches `fd` for `epoll_events` (level-triggered); a second call changes the set and keeps or
  // replaces the callback (a null one keeps it). The fd stays the caller's and must be unwatched
  // before it is closed. A callback may unwatch or watch any fd, its own included. REQUIRES: a
  // callback the first time.
  void WatchFd(int fd, uint32_t epoll_events, FdCallback callback);
  void UnwatchFd(int fd);

  // Called once after each round of tasks, timers and fds, before the loop sleeps: work that is
  // cheaper once per wake-up than once per task (flushing writes, one scheduling pass). At most one
  // hook; in force before anything that is posted afterwards runs. What it refers to outlives the
  // thread.
  void SetBatchHook(std::function<void()> hook);

  // Monotonic time on an arbitrary origin near the wall clock: for timers, deadlines and durations.
  // Never goes back, unlike absl::Now().
  static absl::Time Now();

  bool OnLoopThread() const { return std::this_thread::get_id() == thread_id_.load(); }
  // Aborts when not on the loop's thread; tells clang that the capability is held.
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK();

 private:
  struct Watch {
    FdCallback callback;
    bool active;
  };

  void Run();
  void RunInbox();
  void RunTimers();
  int TimeoutMs() const;
  void Wake();

  void HandleEvents(int count);

  const int epoll_fd_;
  const int wake_fd_;

  Mutex mutex_;
  std::vector<Task> inbox_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool sleeping_ ABSL_GUARDED_BY(mutex_) = false;  // a Post must write to wake_fd_

  Mutex join_mutex_;  // held while joining; never with mutex_

  // Loop thread only.
  std::vector<Task> running_;
  std::map<std::pair<absl::Time, TimerId>, Task> timers_;
  std::unordered_map<TimerId, absl::Time> timer_times_;
  TimerId next_timer_ = 1;
  absl::Time timers_until_ =
      absl::InfinitePast();  // while timers run: new ones come later than this
  std::unordered_map<int, std::unique_ptr<Watch>> watches_;
  // Unwatched or replaced during this turn: a callback may be running, an event may still name the
  // watch.
  std::vector<std::unique_ptr<Watch>> retired_;
  std::vector<FdCallback> replaced_;
  std::vector<epoll_event> events_;
  std::function<void()> batch_hook_;

  std::atomic<std::thread::id> thread_id_;
  std::thread thread_;
};

}  // namespace moa
