#include "worker/sandbox/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "worker/sandbox/landlock.h"

// Everything from Become on runs between fork and exec: system calls and the stack, nothing that allocates or locks.

namespace moa::sandbox {
namespace {

constexpr int kFirstSpare = 16;  // above all descriptors that the interpreter starts with
constexpr int kSetup = 4;
constexpr int kRuleset = 5;
constexpr rlim_t kDescriptorsMax = 64;
constexpr rlim_t kStackBytes = 8 << 20;
constexpr uid_t kNobody = 65534;

struct Outside {
  uid_t user;
  gid_t group;
  pid_t process;
};

[[noreturn]] void Fail(int setup, const char* step) {
  SetupFailure failure;
  failure.error = errno;
  for (size_t i = 0; step[i] != '\0' && i + 1 < sizeof failure.step; ++i) failure.step[i] = step[i];
  if (write(setup, &failure, sizeof failure) < 0) _exit(126);
  _exit(127);
}

bool WriteFile(const char* path, const char* text, size_t size) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool written = write(file, text, size) == static_cast<ssize_t>(size);
  close(file);
  return written;
}

// "65534 OUTER 1"
bool WriteMap(const char* path, unsigned outer) {
  char text[40];
  char* at = text + sizeof text;
  const char* end = at;
  at -= 2;
  memcpy(at, " 1", 2);
  do {
    *--at = static_cast<char>('0' + outer % 10);
    outer /= 10;
  } while (outer != 0);
  at -= 6;
  memcpy(at, "65534 ", 6);
  return WriteFile(path, at, static_cast<size_t>(end - at));
}

void ResetSignals() {
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) sigaction(number, &standard, nullptr);
}

// Root needs no user namespace for the others, and would stay root in one.
bool NeedsUserNamespace(const Outside& outside) { return outside.user != 0; }

void EnterNamespaces(const ChildPlan& plan, const Outside& outside) {
  if (NeedsUserNamespace(outside)) {
    if (!WriteFile("/proc/self/setgroups", "deny", 4)) Fail(plan.setup, "setgroups");
    if (!WriteMap("/proc/self/uid_map", outside.user)) Fail(plan.setup, "uid_map");
    if (!WriteMap("/proc/self/gid_map", outside.group)) Fail(plan.setup, "gid_map");
  }
  if (const char* failed = plan.root->Enter(); failed != nullptr) Fail(plan.setup, failed);
}

// 0 the request, 1 and 2 nowhere, 3 the results, 4 the setup, 5 the ruleset; no other.
void ArrangeDescriptors(const ChildPlan& plan) {
  const int from[] = {plan.input, plan.null, plan.null, plan.results, plan.setup, plan.ruleset};
  int spare[6];
  for (int i = 0; i < 6; ++i) {
    spare[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, kFirstSpare);
    if (from[i] >= 0 && spare[i] < 0) Fail(plan.setup, "descriptors");
  }
  const int setup = spare[kSetup];
  for (int i = 0; i < 6; ++i) {
    if (spare[i] < 0) continue;
    if (dup3(spare[i], i, i >= kSetup ? O_CLOEXEC : 0) < 0) Fail(setup, "descriptors");
  }
  const unsigned first = plan.ruleset < 0 ? kRuleset : kRuleset + 1;
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t last = std::min<rlim_t>(limit.rlim_max, 1 << 20);
  for (rlim_t fd = first; fd < last; ++fd) close(static_cast<int>(fd));
}

void DropBoundingSet() {
  prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED);
  for (unsigned long capability = 0; capability <= 63; ++capability) {
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

// No limit on processes holds for root, so it becomes nobody.
void LeaveRoot() {
  if (syscall(SYS_setgroups, 0, nullptr) != 0 ||
      syscall(SYS_setresgid, kNobody, kNobody, kNobody) != 0 ||
      syscall(SYS_setresuid, kNobody, kNobody, kNobody) != 0) {
    Fail(kSetup, "root cannot become another user (run the worker as one)");
  }
}

// Also those that come back at exec.
void DropPrivileges() {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) != 0) Fail(kSetup, "capset");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail(kSetup, "no_new_privs");
}

void Limit(__rlimit_resource_t resource, rlim_t value) {
  const rlimit limit = {value, value};
  if (setrlimit(resource, &limit) != 0) Fail(kSetup, "setrlimit");
}

void SetLimits(const ChildPlan& plan) {
  Limit(RLIMIT_CORE,
        1);  // unlike 0 it also keeps dumps from a program that core_pattern names: core(5)
  Limit(RLIMIT_CPU, plan.cpu_seconds);
  Limit(RLIMIT_FSIZE, 0);
  Limit(RLIMIT_NOFILE, kDescriptorsMax);
  Limit(RLIMIT_NPROC, 0);
  Limit(RLIMIT_MEMLOCK, 0);
  Limit(RLIMIT_MSGQUEUE, 0);
  Limit(RLIMIT_STACK, kStackBytes);
  Limit(RLIMIT_AS, plan.memory_bytes);
}

[[noreturn]] void Become(const ChildPlan& plan, const Outside& outside) {
  ResetSignals();
  WriteFile("/proc/self/oom_score_adj", "1000", 4);  // of all processes here, the first to go
  if (plan.root != nullptr) EnterNamespaces(plan, outside);
  ArrangeDescriptors(plan);
  if (chdir("/") != 0 || setsid() < 0) Fail(kSetup, "setsid");
  DropBoundingSet();
  if (outside.user == 0) LeaveRoot();
  DropPrivileges();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) Fail(kSetup, "PR_SET_PDEATHSIG");
  // In a process namespace the parent is out of sight; there the closed pipes and the CPU limit end an orphan.
  if (plan.root == nullptr && getppid() != outside.process) _exit(125);
  if (plan.ruleset >= 0 && EnterRuleset(kRuleset) != 0) Fail(kSetup, "Landlock");
  SetLimits(plan);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const sock_fprog program = {static_cast<unsigned short>(plan.filter->size()),
                              const_cast<sock_filter*>(plan.filter->data())};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) Fail(kSetup, "seccomp");
  char* const environment[] = {nullptr};
  execve(plan.executable, const_cast<char* const*>(plan.arguments), environment);
  Fail(kSetup, "exec");
}

}  // namespace

pid_t StartChild(const ChildPlan& plan) {
  const Outside outside = {geteuid(), getegid(), getpid()};
  unsigned long flags = SIGCHLD;
  if (plan.root != nullptr) {
    flags |= CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    if (NeedsUserNamespace(outside)) flags |= CLONE_NEWUSER;
  }
  // The program's signal handlers must not run in the child.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const long child = syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) Become(plan, outside);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return static_cast<pid_t>(child);
}

}  // namespace moa::sandbox
