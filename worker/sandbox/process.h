#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "worker/sandbox/child.h"

namespace moa::sandbox {

// The time by a clock that nobody sets: deadlines are compared with it only.
absl::Time SteadyNow();

// A descriptor that is closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { Close(); }

  int get() const { return fd_; }
  void Close();

 private:
  int fd_ = -1;
};

// A file in memory that holds `bytes` and that nobody can change.
absl::StatusOr<Descriptor> SealedFile(absl::string_view bytes);

// A shut-in child and the pipe that its results come by. It is one process and can start no other, so that nothing
// is left of it once this is gone. Externally synchronised; the thread that starts it must outlive it.
class Process {
 public:
  // Returns when the child has shut itself in and become the interpreter. Sets the plan's `input`, `results` and
  // `setup`. kUnavailable when the system has no process or descriptor to spare or it took until `deadline`;
  // kFailedPrecondition names the step that the system refused.
  static absl::StatusOr<Process> Start(ChildPlan plan, absl::string_view input,
                                       absl::Time deadline);

  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process() { Kill(); }

  // The next bytes of the results, at most `size`; where there are none, why. `cancel_fd`, -1 for none, ends the wait once
  // it is readable.
  enum class End { kNone, kClosed, kDeadline, kCancelled };
  struct Piece {
    size_t size = 0;
    End end = End::kNone;
  };
  Piece Read(char* buffer, size_t size, absl::Time deadline, int cancel_fd = -1);

  // Ends the child if it has not ended, and waits for it. What ended it, for people; empty when it was this.
  std::string Kill();

 private:
  Process(pid_t pid, Descriptor results) : pid_(pid), results_(std::move(results)) {}

  pid_t pid_;  // -1: gone
  Descriptor results_;
};

}  // namespace moa::sandbox
