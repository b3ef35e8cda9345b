// Where two layers keep one promise, each is tried without the other. What is tried is bounded: one process, one look.

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "common/base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/sandbox/child.h"
#include "worker/sandbox/interpreter.h"
#include "worker/sandbox/process.h"
#include "worker/sandbox/sandbox.h"

namespace moa::sandbox {
namespace {

// What a program writes that is shut in by everything but system calls.
std::string WithoutFilter(const char* program, bool namespaces) {
  const absl::StatusOr<Interpreter> interpreter = ProbeInterpreter("/usr/bin/python3");
  if (!interpreter.ok()) return std::string(interpreter.status().message());
  const std::vector<sock_filter> allow = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const char* const arguments[] = {
      interpreter->executable.c_str(), "-I", "-S", "-B", "-c", program, nullptr};
  const absl::StatusOr<PrivateRoot> root = PrivateRoot::Plan(*interpreter);
  const Descriptor null(dup(2));
  ChildPlan plan;
  plan.root = namespaces && root.ok() ? &*root : nullptr;
  plan.filter = &allow;
  plan.memory_bytes = rlim_t{256} << 20;
  plan.cpu_seconds = 10;
  plan.executable = interpreter->executable.c_str();
  plan.arguments = arguments;
  plan.null = null.get();
  absl::StatusOr<Process> process = Process::Start(plan, "", SteadyNow() + absl::Seconds(30));
  if (!process.ok()) return std::string(process.status().message());
  std::string said;
  char buffer[256];
  for (;;) {
    const Process::Piece piece =
        process->Read(buffer, sizeof buffer, SteadyNow() + absl::Seconds(30));
    if (piece.size == 0) break;
    said.append(buffer, piece.size);
  }
  return said;
}

bool HasNamespaces() {
  const auto sandbox = Sandbox::Open({});
  return sandbox.ok() && (*sandbox)->has_namespaces();
}

// One try; a child that there should not be ends at once.
constexpr char kOneFork[] =
    "import os\n"
    "try:\n"
    "  child = os.fork()\n"
    "except OSError as e:\n"
    "  os.write(3, b'refused')\n"
    "else:\n"
    "  if child == 0: os._exit(0)\n"
    "  os.waitpid(child, 0)\n"
    "  os.write(3, b'forked')\n";

TEST(SandboxWallsTest, TheLimitOnProcessesHoldsWithoutTheFilter) {
  EXPECT_EQ(WithoutFilter(kOneFork, false), "refused");
  if (HasNamespaces()) {
    EXPECT_EQ(WithoutFilter(kOneFork, true), "refused");
  }
}

TEST(SandboxWallsTest, NobodyIsRootInside) {
  constexpr char kWho[] = "import os\nos.write(3, b'%d %d' % (os.getuid(), os.getgid()))";
  if (geteuid() != 0) GTEST_SKIP() << "only a root worker has to leave root";
  EXPECT_EQ(WithoutFilter(kWho, false), "65534 65534");
  if (HasNamespaces()) {
    EXPECT_EQ(WithoutFilter(kWho, true), "65534 65534");
  }
}

TEST(SandboxWallsTest, ThePrivateRootKeepsFilesWithoutTheFilter) {
  if (!HasNamespaces()) GTEST_SKIP() << "this system permits no namespaces";
  EXPECT_EQ(WithoutFilter("import os\nos.write(3, b'%d' % os.path.exists('/etc/passwd'))", true),
            "0");
}

TEST(SandboxCancelTest, ARunEndsOnceItIsCancelled) {
  ASSERT_OK_AND_ASSIGN(const auto sandbox, Sandbox::Open({.time_max = absl::Minutes(10)}));
  Cancellation cancellation;
  std::jthread canceller([&] { cancellation.Cancel(); });
  const auto seen = sandbox->Run({"def f():\n    while True: pass", "f", {{"[]"}}}, &cancellation);
  EXPECT_EQ(seen.status().code(), absl::StatusCode::kCancelled);
  // One that was cancelled before it began does not run either.
  EXPECT_EQ(sandbox->Run({"def f(): pass", "f", {{"[]"}}}, &cancellation).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace moa::sandbox
