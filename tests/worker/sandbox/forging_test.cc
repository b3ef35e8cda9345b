// A program that finds the results' descriptor makes wrong values for its calls, and nothing more.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/worker/sandbox/sandbox_rig.h"

namespace moa::sandbox {
namespace {

using Kind = EvaluationOutcome::Kind;

MOA_SANDBOX_SUITE(SandboxForgingTest);

const char kForge[] =
    "import os\n"
    "def frame(kind, a=b'', b=b''):\n"
    "  return kind + len(a).to_bytes(4, 'little') + len(b).to_bytes(4, 'little') + a + b\n";

TEST_P(SandboxForgingTest, AForgedFrameIsAWrongValueAndNoMore) {
  const Evaluation seen =
      Run(absl::StrCat(kForge,
                       "def f(x):\n  os.write(3, frame(b'V', b'\"forged\"', b'[]'))\n"
                       "  return x"),
          {"[1]", "[2]"});
  EXPECT_EQ(seen.calls.size(), 2u);
  EXPECT_EQ(seen.calls[0].value, "\"forged\"");
  EXPECT_EQ(seen.calls[1].value, "1");  // the first one's own, which came second
}

TEST_P(SandboxForgingTest, GarbageEndsTheRun) {
  for (const char* bytes :
       {"b'\\xff' * 100", "b'V' + b'\\xff' * 8", "frame(b'V', b'{', b'[]')", "frame(b'L')",
        "frame(b'V', b'[' * 100, b'[]')", "frame(b'V', b'1', b'')", "frame(b'?')"}) {
    const EvaluationOutcome seen =
        Call(absl::StrCat(kForge, "def f():\n  os.write(3, ", bytes, ")\n  return 1"));
    EXPECT_EQ(seen.kind, Kind::kKilled) << bytes;
  }
}

TEST_P(SandboxForgingTest, AFloodEndsAtTheLimit) {
  const EvaluationOutcome seen = Call(
      "import os\ndef f():\n  os.write(3, b'V\\xff\\x0f\\x10\\0\\0\\0\\0\\0')\n"
      "  while True: os.write(3, b'x' * 65536)");
  EXPECT_EQ(seen.kind, Kind::kKilled);
  EXPECT_EQ(seen.error, "the output's limit");
}

TEST_P(SandboxForgingTest, AClosedPipeEndsTheRun) {
  const EvaluationOutcome seen =
      Call("import os, time\ndef f():\n  os.close(3)\n  time.sleep(1e6)");
  EXPECT_EQ(seen.kind, Kind::kKilled) << seen.error;
}

// Exceptions and types whose every method is a trap.
TEST_P(SandboxForgingTest, TrapsInValuesAndExceptionsAreNotSprung) {
  const char trap[] =
      "class Trap(type):\n"
      "  def __getattribute__(cls, name): raise SystemExit('sprung')\n"
      "class Value(dict, metaclass=Trap):\n"
      "  def __getattribute__(self, name): raise SystemExit('sprung')\n"
      "  items = keys = __iter__ = __len__ = __repr__ = __eq__ = __hash__ = __getattribute__\n"
      "class Error(Exception):\n"
      "  def __str__(self): raise SystemExit('sprung')\n";
  EXPECT_EQ(Call(absl::StrCat(trap, "def f(): return [Value(), Value]")).value,
            R"([{"$type":"Value"},{"$type":"Trap"}])");
  const EvaluationOutcome raised = Call(absl::StrCat(trap, "def f(): raise Error('x')"));
  EXPECT_EQ(raised.kind, Kind::kRaised);
  EXPECT_EQ(raised.error, "Error");
  EXPECT_LE(Call("def f(): raise ValueError('x' * (1 << 22))").error.size(), 520u);
}

}  // namespace
}  // namespace moa::sandbox
