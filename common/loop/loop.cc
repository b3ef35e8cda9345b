#include "common/loop/loop.h"

#include <pthread.h>
#include <sys/epoll.h>
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
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)), wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  MOA_CHECK(epoll_fd_ >= 0 && wake_fd_ >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // the wake-up
  MOA_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) == 0);
  Now();  // fixes the origin before other threads race for it
  thread_ = std::thread([this, name] {
    pthread_setname_np(pthread_self(), name);
    Run();
  });
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
  if (thread_.joinable()) {
    MOA_CHECK(!OnLoopThread());
    thread_.join();
  }
}

void Loop::Wake() {
  const uint64_t one = 1;
  while (write(wake_fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Loop::AssertHeld() const { MOA_CHECK(OnLoopThread()); }

Loop::TimerId Loop::CallAt(absl::Time when, Task task) {
  const TimerId id = next_timer_++;
  timers_.emplace(std::make_pair(when, id), std::move(task));
  timer_times_.emplace(id, when);
  return id;
}

bool Loop::CancelTimer(TimerId id) {
  const auto it = timer_times_.find(id);
  if (it == timer_times_.end()) return false;
  timers_.erase({it->second, id});
  timer_times_.erase(it);
  return true;
}

void Loop::WatchFd(int fd, uint32_t epoll_events, FdCallback callback) {
  auto& watch = watches_[fd];
  const bool is_new = watch == nullptr;
  if (is_new) watch = std::make_unique<Watch>(Watch{fd, {}, true});
  if (callback) watch->callback = std::move(callback);
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
  const auto it = watches_.find(fd);
  if (it == watches_.end()) return;
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  it->second->active = false;
  retired_.push_back(std::move(it->second));
  watches_.erase(it);
}

bool Loop::RunInbox() {
  {
    MutexLock lock(mutex_);
    running_.swap(inbox_);
  }
  const bool any = !running_.empty();
  for (Task& task : running_) task();
  running_.clear();
  return any;
}

void Loop::RunTimers() {
  while (!timers_.empty() && timers_.begin()->first.first <= Now()) {
    auto node = timers_.extract(timers_.begin());
    timer_times_.erase(node.key().second);
    node.mapped()();
  }
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
  std::vector<epoll_event> events(256);
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
        epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), timeout_ms);
    {
      MutexLock lock(mutex_);
      sleeping_ = false;
    }
    for (int i = 0; i < count; ++i) {
      auto* watch = static_cast<Watch*>(events[i].data.ptr);
      if (watch == nullptr) {
        uint64_t drained = 0;
        while (read(wake_fd_, &drained, sizeof drained) < 0 && errno == EINTR) {
        }
      } else if (watch->active) {
        watch->callback(events[i].events);
      }
    }
    retired_.clear();
  }
}

}  // namespace moa
