#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <stdexcept>

namespace moa::chaos {

// While it lives, the calling thread makes its sockets in another network namespace. `fd` -1: nothing changes.
class NamespaceScope {
 public:
  explicit NamespaceScope(int fd) {
    if (fd < 0) return;
    before_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (before_ < 0 || setns(fd, CLONE_NEWNET) != 0) {
      throw std::runtime_error("cannot enter a network namespace");
    }
  }
  ~NamespaceScope() {
    if (before_ < 0) return;
    // Nothing sensible can be done where a thread does not come home.
    if (setns(before_, CLONE_NEWNET) != 0) _exit(1);
    close(before_);
  }
  NamespaceScope(const NamespaceScope&) = delete;
  NamespaceScope& operator=(const NamespaceScope&) = delete;

 private:
  int before_ = -1;
};

}  // namespace moa::chaos
