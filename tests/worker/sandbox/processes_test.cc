// No network, no process, no thread, no hold on other processes; nothing left behind.
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/worker/sandbox/sandbox_rig.h"

namespace moa::sandbox {
namespace {

using testing::HasSubstr;
using Kind = EvaluationOutcome::Kind;

MOA_SANDBOX_SUITE(SandboxProcessesTest);

// The test's own children that are not waited for.
int Children() {
  int count = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(thread.path() / "children");
    for (std::string id; children >> id;) ++count;
  }
  return count;
}

TEST_P(SandboxProcessesTest, ReachesNoSocket) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const EvaluationOutcome seen = Call(
      "import socket\n"
      "def f(port):\n"
      "  there = []\n"
      "  for family in [1, 2, 10, 16, 17, 38, 40]:\n"
      "    for kind in [1, 2, 3, 5]:\n"
      "      try: socket.socket(family, kind)\n"
      "      except OSError: continue\n"
      "      there.append([family, kind])\n"
      "  for call in [lambda: socket.create_connection(('127.0.0.1', port)), socket.socketpair]:\n"
      "    try: call()\n"
      "    except PermissionError: continue\n"
      "    there.append(str(call))\n"
      "  return there",
      absl::StrCat("[", ntohs(address.sin_port), "]"));
  EXPECT_EQ(seen.value, "[]") << seen.error;
  EXPECT_LT(accept(listener, nullptr, nullptr), 0) << "somebody connected";
  close(listener);
}

// Were the promise broken, each child would leave at once: nothing here may grow when it fails.
TEST_P(SandboxProcessesTest, StartsNoProcessAndNoThread) {
  const EvaluationOutcome seen = Call(
      "import os, subprocess, threading, ctypes, sys\n"
      "libc = ctypes.CDLL(None)\n"
      "def refused(pid):\n"
      "  if pid == 0: os._exit(0)\n"
      "  if pid < 0: raise OSError\n"
      "def f():\n"
      "  there = []\n"
      "  for call in [lambda: refused(os.fork()), lambda: refused(os.forkpty()[0]),\n"
      "      lambda: os.system('true') and refused(-1), lambda: subprocess.run([sys.executable, "
      "'-c', "
      "'']),\n"
      "      lambda: os.posix_spawn(sys.executable, [sys.executable, '-c', ''], {}),\n"
      "      lambda: threading.Thread(target=int).start(), lambda: refused(libc.fork()),\n"
      "      lambda: refused(libc.syscall(56, 17, 0, 0, 0, 0)), lambda: "
      "refused(libc.unshare(0x10000000) or 1),\n"
      "      lambda: os.execv('/bin/sh', ['sh', '-c', ''])]:\n"
      "    try: call()\n"
      "    except (OSError, RuntimeError): continue\n"
      "    there.append(str(call))\n"
      "  return there");
  EXPECT_EQ(seen.value, "[]") << seen.error;
  EXPECT_EQ(Children(), 0);
}

// Were the promise broken, these would stay small; a real fork bomb does not get further than they do.
// It is an exception, or a loop without children until the deadline; either way nothing is left.
TEST_P(SandboxProcessesTest, AForkBombIsHarmless) {
  EXPECT_EQ(Call("import os\ndef f():\n  for _ in range(6): os.fork() or os._exit(0)").kind,
            Kind::kRaised);
  Reopen({.time_max = absl::Seconds(1)});
  if (sandbox_ == nullptr) return;
  const EvaluationOutcome seen = Call(
      "import os\ndef f():\n  while True:\n    try: os.fork() or os._exit(0)\n    except OSError: "
      "pass");
  EXPECT_EQ(seen.kind, Kind::kTimeout) << seen.error;
  EXPECT_EQ(Children(), 0);
  Reopen({.time_max = kPlenty});
}

// All that exec can reach is the interpreter again: in the same process, under the same filter.
TEST_P(SandboxProcessesTest, ExecStaysInside) {
  const EvaluationOutcome seen = Call(
      "import os, sys\n"
      "def f():\n"
      "  os.execv(sys.executable, [sys.executable, '-I', '-S', '-c',\n"
      "    'import os\\ntry: open(\"/etc/passwd\")\\nexcept OSError: os._exit(8)'])");
  EXPECT_EQ(seen.kind, Kind::kKilled);
  EXPECT_THAT(seen.error, HasSubstr("status 8"));
}

TEST_P(SandboxProcessesTest, CannotSignalOrTraceOthers) {
  const pid_t victim = fork();
  ASSERT_GE(victim, 0);
  if (victim == 0) {
    pause();
    _exit(0);
  }
  for (const char* call :
       {"os.kill(VICTIM, 9)", "os.kill(-1, 0)", "os.kill(0, 9)", "os.killpg(VICTIM, 9)",
        "libc.syscall(424, libc.syscall(434, VICTIM, 0), 9, 0, 0)"}) {
    std::string source =
        absl::StrCat("import os, ctypes\nlibc = ctypes.CDLL(None)\ndef f():\n  ", call);
    for (size_t at; (at = source.find("VICTIM")) != std::string::npos;) {
      source.replace(at, 6, absl::StrCat(victim));
    }
    const EvaluationOutcome seen = Call(source);
    EXPECT_EQ(seen.kind, Kind::kKilled) << call << seen.error;
  }
  const EvaluationOutcome seen = Call(
      "import os, ctypes\nlibc = ctypes.CDLL(None)\n"
      "def f(pid):\n"
      "  buffer = (ctypes.c_uint64 * 2)()\n"
      "  return [libc.ptrace(16, pid, 0, 0), libc.ptrace(0, 0, 0, 0), libc.syscall(434, pid, 0),\n"
      "    libc.process_vm_readv(pid, buffer, 1, buffer, 1, 0), libc.setpriority(0, pid, 19),\n"
      "    libc.prlimit(pid, 7, buffer, None), libc.prlimit(0, 9, buffer, None), libc.prctl(1, 0, "
      "0, 0, 0),\n"
      "    libc.keyctl(0, 0, 0, 0) if hasattr(libc, 'keyctl') else -1, libc.syscall(321, 0, 0, "
      "0),\n"
      "    libc.syscall(425, 1, buffer)]",
      absl::StrCat("[", victim, "]"));
  EXPECT_EQ(seen.value, "[-1,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1]") << seen.error;
  int status = 0;
  EXPECT_EQ(waitpid(victim, &status, WNOHANG), 0) << "the other process was hit";
  ASSERT_EQ(kill(victim, SIGKILL), 0);
  EXPECT_EQ(waitpid(victim, &status, 0), victim);
}

TEST_P(SandboxProcessesTest, HasNoPrivileges) {
  const EvaluationOutcome seen = Call(
      "import os, ctypes\nlibc = ctypes.CDLL(None)\n"
      "def f():\n"
      "  there = []\n"
      "  for call in [lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([]), "
      "lambda: os.nice(-5),\n"
      "      lambda: os.chroot('/'), lambda: os.sethostname('x') if hasattr(os, 'sethostname') "
      "else 1 / 0]:\n"
      "    try: call()\n"
      "    except (OSError, ArithmeticError): continue\n"
      "    there.append(str(call))\n"
      "  return there");
  EXPECT_EQ(seen.value, "[]") << seen.error;
}

TEST_P(SandboxProcessesTest, LeavesNothingBehind) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = descriptors();
  for (const char* source :
       {"def f(): pass", "1 / 0", "def f(:", "import os\ndef f(): os._exit(1)",
        "import os\ndef f(): os.close(3)\n", "import atexit\ndef f(): atexit.register(f)"}) {
    Run(source);
  }
  EXPECT_EQ(descriptors(), before);
  EXPECT_EQ(Children(), 0);
}

}  // namespace
}  // namespace moa::sandbox
