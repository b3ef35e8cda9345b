#include "worker/sandbox/system_calls.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace moa::sandbox {
namespace {

// Names that an architecture or an older libseccomp does not know are left out.
constexpr const char* kAllowed[] = {
    // What is open already, and files to read: which, Landlock and the private root say.
    "read", "readv", "pread64", "write", "writev", "close", "lseek", "fstat", "stat", "lstat",
    "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
    "getdents64", "getcwd", "dup", "fadvise64", "poll", "ppoll", "select", "pselect6",
    // Memory; RLIMIT_AS bounds it.
    "mmap", "munmap", "mremap", "mprotect", "brk", "madvise",
    // The process itself.
    "execve", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "futex", "membarrier",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "sched_yield",
    "sched_getaffinity", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid",
    "getrusage", "getrlimit", "times", "uname", "sysinfo", "exit", "exit_group",
    // Time and randomness.
    "clock_gettime", "clock_getres", "gettimeofday", "time", "nanosleep", "clock_nanosleep",
    "restart_syscall", "getrandom"};

constexpr const char* kSignals[] = {
    "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"};

// Opening with any of these could change a file. O_TMPFILE has O_DIRECTORY's bit, which is wanted: it needs a
// mode for writing, which is refused.
constexpr int kOpenRefused = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;

// seccomp.h's own macros are C.
scmp_arg_cmp Equal(unsigned argument, uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }

scmp_arg_cmp Masked(unsigned argument, uint64_t mask, uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

class FilterBuilder {
 public:
  explicit FilterBuilder(scmp_filter_ctx context) : context_(context) {}

  void Add(uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> conditions = {}) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return;
    const int error = seccomp_rule_add_array(
        context_, action, number, static_cast<unsigned>(conditions.size()), conditions.begin());
    if (error != 0 && error_ == 0) error_ = error;
  }
  int error() const { return error_; }

 private:
  scmp_filter_ctx context_;
  int error_ = 0;
};

void AddRules(FilterBuilder* builder) {
  for (const char* name : kAllowed) builder->Add(SCMP_ACT_ALLOW, name);
  for (const char* name : kSignals) builder->Add(SCMP_ACT_KILL_PROCESS, name);
  builder->Add(SCMP_ACT_ALLOW, "open", {Masked(1, kOpenRefused, O_RDONLY)});
  builder->Add(SCMP_ACT_ALLOW, "openat", {Masked(2, kOpenRefused, O_RDONLY)});
  for (const unsigned long request : {TCGETS, FIOCLEX, FIONCLEX}) {
    builder->Add(SCMP_ACT_ALLOW, "ioctl", {Equal(1, request)});
  }
  for (const int command : {F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC}) {
    builder->Add(SCMP_ACT_ALLOW, "fcntl", {Equal(1, static_cast<uint64_t>(command))});
  }
  // Limits are read, never set, and nobody else's.
  builder->Add(SCMP_ACT_ALLOW, "prlimit64", {Equal(0, 0), Equal(2, 0)});
  // The C library falls back from these to calls whose arguments a filter can see.
  builder->Add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  builder->Add(SCMP_ACT_ERRNO(ENOSYS), "openat2");
}

// The finished program, by way of a file in memory: libseccomp writes to descriptors only.
absl::StatusOr<std::vector<sock_filter>> Export(scmp_filter_ctx context) {
  const int file = memfd_create("filter", MFD_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, "memfd_create");
  absl::Cleanup close_file = [file] { close(file); };
  if (const int error = seccomp_export_bpf(context, file); error != 0) {
    return absl::InternalError(absl::StrCat("seccomp_export_bpf: ", strerror(-error)));
  }
  const off_t size = lseek(file, 0, SEEK_END);
  std::vector<sock_filter> program(static_cast<size_t>(size) / sizeof(sock_filter));
  if (pread(file, program.data(), static_cast<size_t>(size), 0) != size) {
    return absl::InternalError("the seccomp filter could not be read back");
  }
  return program;
}

}  // namespace

absl::StatusOr<std::vector<sock_filter>> BuildFilter() {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (context == nullptr) return absl::InternalError("libseccomp has no context");
  absl::Cleanup release = [context] { seccomp_release(context); };
  seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree instead of a list, where it can
  FilterBuilder builder(context);
  AddRules(&builder);
  if (builder.error() != 0) {
    return absl::InternalError(absl::StrCat("seccomp_rule_add: ", strerror(-builder.error())));
  }
  return Export(context);
}

}  // namespace moa::sandbox
