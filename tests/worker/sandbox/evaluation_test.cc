// What programs without malice see and come to: values, exceptions, ends.
#include <thread>

#include "gmock/gmock.h"
#include "tests/worker/sandbox/sandbox_rig.h"

namespace moa::sandbox {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Kind = EvaluationOutcome::Kind;

MOA_SANDBOX_SUITE(EvaluationTest);

TEST_P(EvaluationTest, ReturnsValuesAndTheArgumentsAsTheCallLeftThem) {
  const Evaluation seen =
      Run("def f(items, extra=None):\n  items.append(4)\n  return sorted(items)",
          {"[[3, 1]]", " [[], {\"a\": null}]\n"});
  ASSERT_EQ(seen.kind, Evaluation::Kind::kLoaded) << seen.error;
  EXPECT_EQ(seen.calls[0].kind, Kind::kReturned);
  EXPECT_EQ(seen.calls[0].value, "[1,3,4]");
  EXPECT_EQ(seen.calls[0].arguments, "[[3,1,4]]");
  EXPECT_EQ(seen.calls[1].value, "[4]");
  EXPECT_EQ(seen.calls[1].arguments, "[[4],{\"a\":null}]");
  EXPECT_GT(seen.took, absl::ZeroDuration());
}

TEST_P(EvaluationTest, NamesTheTypesThatJsonDoesNotHave) {
  const struct {
    const char* expression;
    const char* value;
  } cases[] = {
      {"None", "null"},
      {"(True, False, 1, -2.5, 1e300, 1e-7)", "[true,false,1,-2.5,1e+300,1e-07]"},
      {"float('nan')", R"({"$type":"float"})"},
      {"[float('-inf')]", R"([{"$type":"float"}])"},
      {"{1, 2}", R"({"$type":"set"})"},
      {"{1: 2}", R"({"$others":1})"},
      {"{'a': 1, 2: 3, None: 4, 'b': {}}", R"({"a":1,"b":{},"$others":2})"},
      {"{'a': b'x'}", R"({"a":{"$type":"bytes"}})"},
      {"10 ** 30", "1000000000000000000000000000000"},
      {"10 ** 500", R"({"$type":"int"})"},
      {"'\\u00e9\\n\"\\ud800'", "\"\xC3\xA9\\n\\\"?\""},
      {"__import__('collections').defaultdict(int, a=1)", R"({"a":1})"},
      {"__import__('collections').OrderedDict(a=1)", R"({"a":1})"},
      {"type('Mine', (dict,), {})()", R"({"$type":"Mine"})"},
      {"f", R"({"$type":"function"})"},
  };
  for (const auto& c : cases) {
    const EvaluationOutcome seen = Call(std::string("def f():\n  return ") + c.expression);
    EXPECT_EQ(seen.value, c.value) << c.expression << ": " << seen.error;
  }
}

// 32 levels are values; what lies deeper, or in itself, is only named.
TEST_P(EvaluationTest, CutsWhatIsNestedDeeperThan32Levels) {
  const std::string source =
      "def f(depth):\n  a = [] if depth > 0 else [1]\n  for _ in range(abs(depth) - 1):\n"
      "    a = [a]\n  return a";
  const std::string open(32, '['), close(32, ']');
  EXPECT_EQ(Call(source, "[32]").value, open + close);
  EXPECT_EQ(Call(source, "[-32]").value, open + "1" + close);
  EXPECT_EQ(Call(source, "[33]").value, open + R"({"$type":"list"})" + close);
  EXPECT_EQ(Call(source, "[100000]").value, open + R"({"$type":"list"})" + close);
  EXPECT_EQ(Call("def f():\n  a = []\n  a.append(a)\n  return a").value,
            open + R"({"$type":"list"})" + close);
}

TEST_P(EvaluationTest, ReportsExceptionsAndGoesOn) {
  const Evaluation seen = Run(
      "def f(x):\n  x.append(0)\n  if len(x) == 2: return 1 / 0\n  if len(x) == 3: return f(f)\n"
      "  def g(): return g()\n  return g()",
      {"[[1]]", "[[1, 2]]", "[[]]", "nonsense"});
  EXPECT_EQ(seen.calls[0].kind, Kind::kRaised);
  EXPECT_EQ(seen.calls[0].error, "ZeroDivisionError: division by zero");
  EXPECT_EQ(seen.calls[0].arguments, "[[1,0]]");
  EXPECT_THAT(seen.calls[1].error, StartsWith("AttributeError: "));
  EXPECT_EQ(seen.calls[2].kind, Kind::kRaised);
  EXPECT_THAT(seen.calls[2].error, StartsWith("RecursionError: "));
  EXPECT_EQ(seen.calls[3].error, "ValueError: the arguments are no JSON array");
}

TEST_P(EvaluationTest, TellsWhyAProgramIsNotLoaded) {
  using Load = Evaluation::Kind;
  const struct {
    std::string source;
    Load kind;
    const char* error;
  } cases[] = {
      {"def f(:\n", Load::kNotPython, "SyntaxError"},
      {"# \xFF\n", Load::kNotPython, "UnicodeDecodeError"},
      {std::string("a\0b", 3), Load::kNotPython, "null bytes"},
      {"Here is the function you asked for.", Load::kNotPython, "SyntaxError"},
      {"def g(): pass", Load::kNoFunction, "no function f"},
      {"f = 3", Load::kNoFunction, "no function f"},
      {"import nothing_of_that_name", Load::kRaised, "ModuleNotFoundError"},
      {"1 / 0", Load::kRaised, "ZeroDivisionError"},
      {"raise SystemExit(0)", Load::kKilled, "SystemExit"},
      {"raise MemoryError", Load::kKilled, "MemoryError"},
      {"import os; os._exit(7)", Load::kKilled, "status 7"},
  };
  for (const auto& c : cases) {
    const Evaluation seen = Run(c.source);
    EXPECT_EQ(seen.kind, c.kind) << c.source << seen.error;
    EXPECT_THAT(seen.error, HasSubstr(c.error));
    EXPECT_EQ(seen.calls[0].kind, Kind::kNotRun);
  }
}

// An end of the process in the second call ends the run: the third is not made.
TEST_P(EvaluationTest, AnEndOfTheProcessEndsTheRun) {
  const struct {
    const char* statement;
    const char* error;
  } cases[] = {
      {"raise SystemExit(3)", "SystemExit: 3"},
      {"raise KeyboardInterrupt", "KeyboardInterrupt"},
      {"raise MemoryError", "MemoryError"},
      {"import os; os._exit(0)", "status 0"},
      {"import os; os.abort()", "ends it"},
      {"import os; os.kill(os.getpid(), 15)", "ends it"},
      {"import ctypes; ctypes.string_at(0)", "signal 11"},
  };
  for (const auto& c : cases) {
    const Evaluation seen =
        Run(std::string("def f(x):\n  if x == 2:\n    ") + c.statement + "\n  return x",
            {"[1]", "[2]", "[3]"});
    EXPECT_EQ(seen.calls[0].value, "1") << c.statement;
    EXPECT_EQ(seen.calls[1].kind, Kind::kKilled) << c.statement << seen.calls[1].error;
    EXPECT_THAT(seen.calls[1].error, HasSubstr(c.error));
    EXPECT_EQ(seen.calls[2].kind, Kind::kNotRun);
  }
}

TEST_P(EvaluationTest, TheStandardLibraryIsThere) {
  const EvaluationOutcome seen = Call(
      "import collections, dataclasses, datetime, decimal, functools, heapq, itertools, json, "
      "math\n"
      "import re, statistics, typing, ctypes, hashlib, zlib, bisect, random, string, operator, "
      "csv\n"
      "@dataclasses.dataclass\nclass Point:\n  x: int\n"
      "def f():\n  return [str(datetime.date.fromisoformat('2024-01-31')), statistics.mean([1, "
      "2]),\n"
      "          json.dumps({'a': Point(3).x}), re.sub('a', 'b', 'aa')]");
  EXPECT_EQ(seen.value, R"(["2024-01-31",1.5,"{\"a\": 3}","bb"])") << seen.error;
}

// Programs that replace what a runner could lean on get their own values back all the same.
TEST_P(EvaluationTest, OverriddenBuiltinsChangeNothing) {
  const EvaluationOutcome seen = Call(
      "import builtins, json, sys, _json\n"
      "for name in ['len', 'str', 'isinstance', 'type', 'dict', 'list', 'callable', 'repr', "
      "'print', 'memoryview']:\n"
      "  setattr(builtins, name, None)\n"
      "json.dumps = json.loads = _json.encode_basestring = _json.make_scanner = None\n"
      "sys.modules.clear()\n"
      "def f(x):\n  sys.setrecursionlimit(20)\n  return [x, {'k': 1.5}]",
      "[\"v\"]");
  EXPECT_EQ(seen.value, R"(["v",{"k":1.5}])") << seen.error;
}

// The program's own recursion limit holds in its calls, however it set it.
TEST_P(EvaluationTest, KeepsTheProgramsRecursionLimit) {
  const std::string source = "def f(n): return n and 1 + f(n - 1)";
  EXPECT_EQ(Call(source, "[5000]").kind, Kind::kRaised);
  EXPECT_EQ(Call("import sys\nsys.setrecursionlimit(10000)\n" + source, "[5000]").value, "5000");
}

TEST_P(EvaluationTest, RunsConcurrently) {
  std::vector<std::thread> threads;
  std::vector<std::string> values(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i, &values] {
      values[i] = Call("def f(x): return x * 2", "[" + std::to_string(i) + "]").value;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(values, testing::ElementsAre("0", "2", "4", "6"));
}

}  // namespace
}  // namespace moa::sandbox
