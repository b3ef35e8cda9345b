#include "common/loop/loop.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>

#include "common/base/check.h"

namespace moa {

absl::Time Loop::Now() {
  using std::chrono::steady_clock;
  static const absl::Time wall_origin = absl::Now();
  static const steady_clock::time_point origin = steady_clock::now();
  return wall_origin + absl::FromChrono(steady_clock::now() - origin);
}

Loop::Loop(const char* name)
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      events_(256) {
  MOA_CHECK(epoll_fd_ >= 0 && wake_fd_ >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // the wake-up
  MOA_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) == 0);
  // The thread inherits the mask. What the thread's own faults raise stays deliverable.
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF}) {
    sigdelset(&blocked, fault);
  }
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  thread_ = std::thread([this, short_name = std::string(name).substr(0, 15)] {
    pthread_setname_np(pthread_self(), short_name.c_str());
    Run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Loop::~Loop() {
  Stop();
  close(wake_fd_);
  close(epoll_fd_);
}

void Loop::Post(Task task) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    inbox_.push_back(std::move(task));
    wake = std::exchange(sleeping_, false);
  }
  if (wake) Wake();
}

void Loop::Stop() {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake = std::exchange(sleeping_, false);
  }
  if (wake) Wake();
  MOA_CHECK(!OnLoopThread());
  MutexLock join(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

void Loop::Wake() {
  const uint64_t one = 1;
  while (write(wake_fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Loop::AssertHeld() const { MOA_CHECK(OnLoopThread()); }

void Loop::SetBatchHook(std::function<void()> hook) {
  // Always as a task: the hook that is replaced may be the one that is running.
  Post([this, hook = std::move(hook)]() mutable { batch_hook_ = std::move(hook); });
}

Loop::TimerId Loop::CallAt(absl::Time when, Task task) {
  AssertHeld();
  // A timer that keeps setting itself for now must not keep the loop from its other work.
  if (when <= timers_until_) when = timers_until_ + absl::Nanoseconds(1);
  const TimerId id = next_timer_++;
  timers_.emplace(std::make_pair(when, id), std::move(task));
  timer_times_.emplace(id, when);
  return id;
}

bool Loop::CancelTimer(TimerId id) {
  AssertHeld();
  const auto it = timer_times_.find(id);
  if (it == timer_times_.end()) return false;
  timers_.erase({it->second, id});
  timer_times_.erase(it);
  return true;
}

void Loop::WatchFd(int fd, uint32_t epoll_events, FdCallback callback) {
  AssertHeld();
  auto& watch = watches_[fd];
  const bool is_new = watch == nullptr;
  if (is_new) {
    MOA_CHECK(callback != nullptr);
    watch = std::make_unique<Watch>(Watch{std::move(callback), true});
  } else if (callback) {
    replaced_.push_back(std::exchange(watch->callback, std::move(callback)));
  }
  epoll_event event{};
  event.events = epoll_events;
  event.data.ptr = watch.get();
  if (epoll_ctl(epoll_fd_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0) return;
  // A descriptor that was closed and reused under us is no longer in the set.
  MOA_CHECK(errno == ENOENT || errno == EEXIST);
  const int other = errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  MOA_CHECK(epoll_ctl(epoll_fd_, other, fd, &event) == 0);
}

void Loop::UnwatchFd(int fd) {
  AssertHeld();
  const auto it = watches_.find(fd);
  if (it == watches_.end()) return;
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  it->second->active = false;
  retired_.push_back(std::move(it->second));
  watches_.erase(it);
}

void Loop::RunInbox() {
  {
    MutexLock lock(mutex_);
    running_.swap(inbox_);
  }
  for (Task& task : running_) {
    task();
    task = nullptr;  // what it holds is not kept until the others have run
  }
  running_.clear();
}

void Loop::RunTimers() {
  if (timers_.empty()) return;
  timers_until_ = Now();
  while (!timers_.empty() && timers_.begin()->first.first <= timers_until_) {
    auto node = timers_.extract(timers_.begin());
    timer_times_.erase(node.key().second);
    node.mapped()();
  }
  timers_until_ = absl::InfinitePast();
}

int Loop::TimeoutMs() const {
  if (timers_.empty()) return -1;
  const absl::Duration wait = timers_.begin()->first.first - Now();
  if (wait <= absl::ZeroDuration()) return 0;
  const int64_t ms = absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1)));
  return static_cast<int>(std::min<int64_t>(ms, INT_MAX));
}

void Loop::Run() {
  thread_id_.store(std::this_thread::get_id());
  while (true) {
    RunInbox();
    RunTimers();
    if (batch_hook_) batch_hook_();
    int timeout_ms = TimeoutMs();
    {
      MutexLock lock(mutex_);
      if (!inbox_.empty()) {
        timeout_ms = 0;
      } else if (stopping_) {
        return;
      } else {
        sleeping_ = timeout_ms != 0;
      }
    }
    const int count =
        epoll_wait(epoll_fd_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
    MOA_CHECK(count >= 0 || errno == EINTR);
    if (timeout_ms != 0) {
      MutexLock lock(mutex_);
      sleeping_ = false;
    }
    HandleEvents(count);
    retired_.clear();
    replaced_.clear();
  }
}

void Loop::HandleEvents(int count) {
  for (int i = 0; i < count; ++i) {
    auto* watch = static_cast<Watch*>(events_[static_cast<size_t>(i)].data.ptr);
    if (watch == nullptr) {
      uint64_t drained = 0;
      while (read(wake_fd_, &drained, sizeof drained) < 0 && errno == EINTR) {
      }
    } else if (watch->active) {
      watch->callback(events_[static_cast<size_t>(i)].events);
    }
  }
}

}  // namespace moa
