// Which layers a system permits, tried for real: each case shuts a process of its own out of some of them first.
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <initializer_list>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/sandbox/sandbox.h"

namespace moa::sandbox {
namespace {

using testing::HasSubstr;

// The bits of clone's flags that ask for a namespace; a system that forbids them refuses any.
constexpr scmp_datum_t kNamespaceFlags[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET};

// A container's policy as seen from inside: `names` fail with `error`.
void Forbid(std::initializer_list<const char*> names, int error, bool namespaces) {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
  for (const char* name : names) {
    seccomp_rule_add(context, SCMP_ACT_ERRNO(error), seccomp_syscall_resolve_name(name), 0);
  }
  for (const scmp_datum_t flag : kNamespaceFlags) {
    if (!namespaces) {
      const scmp_arg_cmp condition = {0, SCMP_CMP_MASKED_EQ, flag, flag};
      seccomp_rule_add_array(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, &condition);
    }
  }
  const int result = seccomp_load(context);
  seccomp_release(context);
  if (result != 0) _exit(99);
}

// Runs `body` in a process of its own and gives what it says.
std::string InOwnProcess(const std::function<std::string()>& body) {
  int ends[2];
  if (pipe(ends) != 0) return "pipe";
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = body();
    const ssize_t written = write(ends[1], text.data(), text.size());
    _exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0 ? text : text + " status " + std::to_string(status);
}

// The layers, and what a program finds that tries a file, a socket, a process and a file to write.
std::string LayersAndWhatTheyKeep() {
  absl::StatusOr<std::unique_ptr<Sandbox>> sandbox = Sandbox::Open({});
  if (!sandbox.ok()) return std::string(sandbox.status().message());
  const auto seen =
      (*sandbox)->Run({"import os, socket\n"
                       "def f():\n"
                       "  kept = 0\n"
                       "  for call in [lambda: open('/etc/passwd'), socket.socket, os.fork, "
                       "lambda: open('/tmp/x', 'w'),\n"
                       "               lambda: open('/proc/%d/environ' % os.getppid())]:\n"
                       "    try: call()\n"
                       "    except OSError: kept += 1\n"
                       "  return kept",
                       "f",
                       {{"[]"}}});
  if (!seen.ok()) return seen.status().ToString();
  return (*sandbox)->Layers() + "; kept " + seen->calls[0].value + seen->error +
         seen->calls[0].error;
}

void BecomeNobody() {
  if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(98);
  prctl(PR_SET_DUMPABLE, 1);  // as a program is that starts as nobody: /proc/self is its own
}

bool HasLandlock() {
  const auto sandbox = Sandbox::Open({.use_namespaces = false});
  return sandbox.ok();
}

TEST(SandboxLayersTest, WithoutNamespacesTheOthersKeepAllPromises) {
  if (!HasLandlock()) GTEST_SKIP() << "this kernel has no Landlock";
  const std::string seen = InOwnProcess([] {
    BecomeNobody();
    Forbid({"unshare", "setns", "mount", "pivot_root"}, EPERM, false);
    return LayersAndWhatTheyKeep();
  });
  EXPECT_THAT(seen, testing::MatchesRegex("seccomp, limits, Landlock [0-9]+; kept 5"));
}

// User namespaces that are permitted but give no right to mount, as some distributions have it.
TEST(SandboxLayersTest, NamespacesWithoutMountsAreLeftOut) {
  if (!HasLandlock()) GTEST_SKIP() << "this kernel has no Landlock";
  const std::string seen = InOwnProcess([] {
    BecomeNobody();
    Forbid({"mount"}, EACCES, true);
    return LayersAndWhatTheyKeep();
  });
  EXPECT_THAT(seen, testing::MatchesRegex("seccomp, limits, Landlock [0-9]+; kept 5"));
}

TEST(SandboxLayersTest, WithoutLandlockThePrivateRootKeepsTheFiles) {
  const auto sandbox = Sandbox::Open({});
  if (!sandbox.ok() || !(*sandbox)->has_namespaces())
    GTEST_SKIP() << "this system permits no namespaces";
  const std::string seen = InOwnProcess([] {
    BecomeNobody();
    Forbid({"landlock_create_ruleset"}, ENOSYS, true);
    return LayersAndWhatTheyKeep();
  });
  EXPECT_EQ(seen, "seccomp, limits, namespaces; kept 5");
}

TEST(SandboxLayersTest, WithNeitherItDoesNotOpen) {
  const std::string seen = InOwnProcess([] {
    Forbid({"landlock_create_ruleset"}, EOPNOTSUPP, false);
    return LayersAndWhatTheyKeep();
  });
  EXPECT_THAT(seen, HasSubstr("the kernel has no Landlock"));
  EXPECT_THAT(seen, HasSubstr("clone: Operation not permitted"));
}

TEST(SandboxLayersTest, WithoutAnInterpreterItDoesNotOpen) {
  const auto missing = Sandbox::Open({.interpreter = "/nowhere/python3"});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("/nowhere/python3"));
  const auto none = Sandbox::Open({.interpreter = "/bin/true"});
  EXPECT_EQ(none.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("is it Python 3?"));
}

}  // namespace
}  // namespace moa::sandbox
