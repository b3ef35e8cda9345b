#include "worker/sandbox/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace moa::sandbox {
namespace {

struct Pipe {
  Descriptor read;
  Descriptor write;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::UnavailableError(absl::StrCat("pipe: ", strerror(errno)));
  }
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// kNone when there is something to read, or the end.
Process::End WaitToRead(int fd, absl::Time deadline, int cancel_fd) {
  for (;;) {
    const int64_t left_ms =
        absl::ToInt64Milliseconds(absl::Ceil(deadline - SteadyNow(), absl::Milliseconds(1)));
    pollfd wanted[] = {{fd, POLLIN, 0}, {cancel_fd, POLLIN, 0}};  // -1 is never ready
    const int ready = poll(wanted, 2, static_cast<int>(std::clamp<int64_t>(left_ms, 0, 1 << 30)));
    if (ready > 0) return wanted[1].revents != 0 ? Process::End::kCancelled : Process::End::kNone;
    if (ready == 0 && SteadyNow() >= deadline) return Process::End::kDeadline;
  }
}

ssize_t ReadSome(int fd, char* buffer, size_t size) {
  for (;;) {
    const ssize_t n = read(fd, buffer, size);
    if (n >= 0 || errno != EINTR) return n;
  }
}

// What became of the child's own setup.
absl::Status SetupOf(int setup, absl::Time deadline) {
  if (WaitToRead(setup, deadline, -1) != Process::End::kNone)
    return absl::UnavailableError("the sandbox took too long to start");
  SetupFailure failure;
  const ssize_t n = ReadSome(setup, reinterpret_cast<char*>(&failure), sizeof failure);
  if (n == 0) return absl::OkStatus();
  if (n != sizeof failure) return absl::InternalError("the sandbox's start is garbled");
  failure.step[sizeof failure.step - 1] = '\0';
  return absl::FailedPreconditionError(absl::StrCat(failure.step, ": ", strerror(failure.error)));
}

std::string Describe(int status) {
  if (WIFEXITED(status)) return absl::StrCat("the process ended with status ", WEXITSTATUS(status));
  if (!WIFSIGNALED(status)) return "the process ended";
  if (WTERMSIG(status) == SIGSYS) return "the process made a system call that ends it";
  return absl::StrCat("the process was ended by signal ", WTERMSIG(status), " (",
                      sigdescr_np(WTERMSIG(status)), ")");
}

}  // namespace

absl::Time SteadyNow() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::TimeFromTimespec(now);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void Descriptor::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::StatusOr<Descriptor> SealedFile(absl::string_view bytes) {
  Descriptor file(memfd_create("request", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file.get() < 0)
    return absl::UnavailableError(absl::StrCat("memfd_create: ", strerror(errno)));
  while (!bytes.empty()) {
    const ssize_t n = write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return absl::UnavailableError(absl::StrCat("a file in memory: ", strerror(errno)));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (fcntl(file.get(), F_ADD_SEALS, kSeals) != 0 || lseek(file.get(), 0, SEEK_SET) != 0) {
    return absl::InternalError(absl::StrCat("a file in memory: ", strerror(errno)));
  }
  return file;
}

absl::StatusOr<Process> Process::Start(ChildPlan plan, absl::string_view input,
                                       absl::Time deadline) {
  MOA_ASSIGN_OR_RETURN(const Descriptor request, SealedFile(input));
  MOA_ASSIGN_OR_RETURN(Pipe results, MakePipe());
  MOA_ASSIGN_OR_RETURN(Pipe setup, MakePipe());
  plan.input = request.get();
  plan.results = results.write.get();
  plan.setup = setup.write.get();
  const pid_t pid = StartChild(plan);
  if (pid < 0) {
    const std::string message = absl::StrCat("clone: ", strerror(errno));
    return errno == EAGAIN || errno == ENOMEM || errno == ENOSPC
               ? absl::UnavailableError(message)
               : absl::FailedPreconditionError(message);
  }
  Process process(pid, std::move(results.read));
  results.write.Close();
  setup.write.Close();
  MOA_RETURN_IF_ERROR(SetupOf(setup.read.get(), deadline));
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), results_(std::move(other.results_)) {}

Process::Piece Process::Read(char* buffer, size_t size, absl::Time deadline, int cancel_fd) {
  const End end = WaitToRead(results_.get(), deadline, cancel_fd);
  if (end != End::kNone) return {.size = 0, .end = end};
  const ssize_t n = ReadSome(results_.get(), buffer, size);
  if (n <= 0) return {.size = 0, .end = End::kClosed};
  return {.size = static_cast<size_t>(n), .end = End::kNone};
}

std::string Process::Kill() {
  if (pid_ < 0) return "";
  kill(pid_, SIGKILL);
  int status = 0;
  pid_t waited = 0;
  do {
    waited = waitpid(pid_, &status, __WALL);
  } while (waited < 0 && errno == EINTR);
  pid_ = -1;
  if (waited < 0) return "";  // the program leaves its children to the system
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? "" : Describe(status);
}

}  // namespace moa::sandbox
