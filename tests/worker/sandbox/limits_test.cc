// Time, memory and output end at their limits.
#include "gmock/gmock.h"
#include "tests/worker/sandbox/sandbox_rig.h"

namespace moa::sandbox {
namespace {

using testing::HasSubstr;
using Kind = EvaluationOutcome::Kind;

MOA_SANDBOX_SUITE(SandboxLimitsTest);

// The loops never end by themselves: only the limit explains that these tests do.
TEST_P(SandboxLimitsTest, AnEndlessLoopTimesOut) {
  for (const char* body :
       {"while True: pass", "import time; time.sleep(1e6)", "return sum(iter(int, 1))",
        "import signal\n    for s in range(1, 65):\n"
        "      try: signal.signal(s, signal.SIG_IGN)\n      except Exception: pass\n"
        "    while True: pass",
        "while True:\n      try:\n        while True: pass\n      except BaseException: pass"}) {
    Reopen({.time_max = absl::Seconds(1)});
    if (sandbox_ == nullptr) return;
    const Evaluation seen =
        Run(std::string("def f(x):\n  if x:\n    ") + body + "\n  return x", {"[0]", "[1]", "[0]"});
    EXPECT_EQ(seen.calls[1].kind, Kind::kTimeout) << body << seen.calls[1].error;
    EXPECT_EQ(seen.calls[2].kind, Kind::kNotRun);
    EXPECT_GE(seen.took, absl::Seconds(1));
  }
  Reopen({.time_max = kPlenty});
}

TEST_P(SandboxLimitsTest, AModuleThatNeverLoadsTimesOut) {
  Reopen({.time_max = absl::Seconds(1)});
  if (sandbox_ == nullptr) return;
  const Evaluation seen = Run("while True: pass");
  EXPECT_EQ(seen.kind, Evaluation::Kind::kTimeout);
  EXPECT_EQ(seen.calls[0].kind, Kind::kNotRun);
  Reopen({.time_max = kPlenty});
}

TEST_P(SandboxLimitsTest, MemoryEndsAtItsLimit) {
  const struct {
    const char* source;
    const char* error;
  } cases[] = {
      {"def f():\n  a = []\n  for _ in range(1024): a.append(bytearray(1 << 20))", "MemoryError"},
      {"def f(): return len(bytes(300 << 20))", "MemoryError"},
      {"def f(): return 'x' * (1 << 40)", "MemoryError"},
      {"import mmap\ndef f():\n  keep = []\n"
       "  try:\n    for _ in range(1024): keep.append(mmap.mmap(-1, 1 << 20))\n  except OSError: "
       "raise "
       "MemoryError",
       "MemoryError"},
  };
  for (const auto& c : cases) {
    const EvaluationOutcome seen = Call(c.source);
    EXPECT_EQ(seen.kind, Kind::kKilled) << c.source << seen.error << seen.value;
    EXPECT_THAT(seen.error, HasSubstr(c.error));
  }
  EXPECT_EQ(Call("def f(): return len(bytes(100 << 20))").value, "104857600");
}

// The interpreter itself runs out of memory, in its own way, or of stack.
TEST_P(SandboxLimitsTest, EndlessRecursionEnds) {
  for (const char* call :
       {"f()", "[0].sort(key=lambda x: f())", "str(f())", "max([1, 2], key=lambda x: f())"}) {
    Reopen({.time_max = kPlenty, .memory_bytes_max = int64_t{64} << 20});
    if (sandbox_ == nullptr) return;
    const EvaluationOutcome seen =
        Call(std::string("import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): return ") + call);
    EXPECT_THAT(seen.kind, testing::AnyOf(Kind::kKilled, Kind::kTimeout)) << call << seen.error;
  }
}

// What the program does about its own MemoryError is its own business.
TEST_P(SandboxLimitsTest, AProgramMayCatchItsMemoryError) {
  EXPECT_EQ(
      Call("def f():\n  try: return bytes(1 << 40)\n  except MemoryError: return 'small'").value,
      "\"small\"");
}

TEST_P(SandboxLimitsTest, OutputEndsAtItsLimit) {
  const char* const sources[] = {
      "def f(): return 'x' * (1 << 20)",
      "def f(): return [0] * (1 << 20)",
      "def f(): return '\\x00' * (1 << 18)",
      "def f():\n  a = []\n  for _ in range(31): a = [a, a, a, a]\n  return a",
      "def f():\n  a = []\n  a.append(a); a.append(a)\n  return a",
  };
  for (const char* source : sources) {
    const EvaluationOutcome seen = Call(source);
    EXPECT_EQ(seen.kind, Kind::kKilled) << source;
    EXPECT_EQ(seen.error, "the output's limit") << source;
  }
  EXPECT_EQ(Call("def f(a): a.extend('x' * (1 << 20)); return 0", "[[]]").error,
            "the output's limit");
  EXPECT_EQ(Call("def f(): return 'x' * 1000000").value.size(), 1000002u);
}

// The limit is of all calls together.
TEST_P(SandboxLimitsTest, OutputIsCountedOverAllCalls) {
  const Evaluation seen = Run("def f(): return 'x' * 400000", {"[]", "[]", "[]", "[]"});
  EXPECT_EQ(seen.calls[1].kind, Kind::kReturned);
  EXPECT_EQ(seen.calls[2].kind, Kind::kKilled);
  EXPECT_EQ(seen.calls[3].kind, Kind::kNotRun);
}

TEST_P(SandboxLimitsTest, PrintingIsThrownAway) {
  const EvaluationOutcome seen = Call(
      "import os, sys\n"
      "def f():\n"
      "  for _ in range(100): print('x' * (1 << 20)); sys.stderr.write('y' * (1 << 10))\n"
      "  os.write(1, b'V\\1\\0\\0\\0\\1\\0\\0\\0' + b'1' * 50)\n"
      "  return 'quiet'");
  EXPECT_EQ(seen.value, "\"quiet\"") << seen.error;
}

TEST_P(SandboxLimitsTest, RefusesLargeRequestsAndLimitsThatAreNone) {
  const std::string large(5 << 20, '#');
  EXPECT_EQ(sandbox_->Run({large, "f", {}}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(sandbox_->Run({"", "f", {{large}}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  for (const Options& options :
       {Options{.time_max = absl::ZeroDuration()}, Options{.memory_bytes_max = 1000},
        Options{.output_bytes_max = 0}}) {
    EXPECT_EQ(Sandbox::Open(options).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace moa::sandbox
