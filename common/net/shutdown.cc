#include "common/net/shutdown.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include "common/base/check.h"

namespace moa {
namespace {

sigset_t EndingSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void BlockSignals() {
  const sigset_t set = EndingSignals();
  MOA_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  std::signal(SIGPIPE, SIG_IGN);
}

ShutdownSignals::ShutdownSignals(std::function<void()> drain)
    : drain_(std::move(drain)),
      signal_fd_([] {
        const sigset_t set = EndingSignals();
        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
      }()),
      stop_fd_(eventfd(0, EFD_CLOEXEC)) {
  MOA_CHECK(signal_fd_ >= 0 && stop_fd_ >= 0);
  thread_ = std::thread([this] { Run(); });
}

ShutdownSignals::~ShutdownSignals() {
  const uint64_t one = 1;
  MOA_CHECK(write(stop_fd_, &one, sizeof one) == sizeof one);
  thread_.join();
  close(stop_fd_);
  close(signal_fd_);
}

void ShutdownSignals::Run() {
  pthread_setname_np(pthread_self(), "signals");
  bool draining = false;
  while (true) {
    pollfd fds[] = {{signal_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) {
      MOA_CHECK(errno == EINTR);
      continue;
    }
    signalfd_siginfo info{};
    if (fds[0].revents != 0 && read(signal_fd_, &info, sizeof info) == sizeof info) {
      if (draining) _exit(128 + static_cast<int>(info.ssi_signo));
      draining = true;
      drain_();
    }
    if (fds[1].revents != 0) return;
  }
}

}  // namespace moa
