// The challenge on the real programs: files and configurations are graded, and hostile programs come to nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"

namespace moa::cluster {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kRight = R"(
def calculate_user_metrics(users, start_date, end_date):
    def number(user, key):
        value = user.get(key)
        return value if isinstance(value, (int, float)) else 0
    scored = []
    for user in users:
        if not start_date <= user.get("last_login", "") <= end_date:
            continue
        raw = number(user, "posts") * 2 + number(user, "comments") * 1.5 + number(user, "likes") * 0.1
        days = number(user, "days_active")
        scored.append((raw / days if days > 0 else 0, user))
    scored.sort(key=lambda pair: pair[0], reverse=True)
    return {"average_engagement": sum(s for s, _ in scored) / len(scored) if scored else 0,
            "top_performers": [user for _, user in scored[:5]], "active_count": len(scored)}
)";

class ChallengeTest : public testing::Test {
 protected:
  ChallengeTest() {
    cluster_.StartSimulator({"--time-scale", "0"});
    cluster_.StartCoordinator();
    cluster_.StartWorker("worker-1", {"--grading-slots", "2"});
    cluster_.WaitForWorkers(1);
  }
  std::string Graded(const std::string& program, const Args& more = {}) {
    Args args = {"challenge", "grade", cluster_.JobFile("program.py", program), "-o", "json"};
    args.insert(args.end(), more.begin(), more.end());
    const CommandResult result = cluster_.Moactl(args);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }
  MiniCluster cluster_;
};

TEST_F(ChallengeTest, AProgramThatDoesItAllGetsFullMarks) {
  EXPECT_THAT(Graded(kRight), StartsWith(R"({"total":120,"max":120,"grade":"A","checks":{)"));
  const std::string table =
      cluster_
          .Moactl({"challenge", "grade",
                   cluster_.JobFile("a.md", absl::StrCat("<think>hm</think>\nSo:\n```python\n",
                                                         kRight, "```\nDone."))})
          .out;
  EXPECT_THAT(table, HasSubstr("handles_division_by_zero      20/20"));
  EXPECT_THAT(table, HasSubstr("120/120  A"));
}

struct Hostile {
  const char* name;
  const char* program;
  const char* reason;

  friend void PrintTo(const Hostile& one, std::ostream* os) { *os << one.name; }
};

class HostileTest : public ChallengeTest, public testing::WithParamInterface<Hostile> {};

// Each gets nothing, with its reason, and the worker goes on. What would harm if a wall fell is bounded.
TEST_P(HostileTest, GetsNothingAndHarmsNothing) {
  const std::string canary = cluster_.JobFile("canary", "as it was");
  std::string program = GetParam().program;
  const size_t at = program.find("CANARY");
  if (at != std::string::npos) program.replace(at, 6, canary);
  const std::string grade = Graded(program);
  EXPECT_THAT(grade, StartsWith(R"({"total":0,"max":120,"grade":"F","reason":")"));
  const CommandResult told =
      cluster_.Moactl({"challenge", "grade", cluster_.JobFile("again.py", program)});
  EXPECT_THAT(told.out, HasSubstr(GetParam().reason));
  EXPECT_EQ(ReadFile(canary), "as it was");
  EXPECT_THAT(Graded(kRight), HasSubstr(R"("total":120)"));
}

#define MOA_DEF "def calculate_user_metrics(users, start_date, end_date):\n"

INSTANTIATE_TEST_SUITE_P(
    All, HostileTest,
    testing::Values(
        Hostile{"MemoryBomb", MOA_DEF "    return 'x' * (1 << 40)\n", "MemoryError"},
        Hostile{"Exits", "import os\n" MOA_DEF "    os._exit(0)\n", "ended with status 0"},
        Hostile{"ExitsPolitely", "import sys\n" MOA_DEF "    sys.exit(0)\n", "SystemExit"},
        Hostile{"KillsItself", "import os, signal\n" MOA_DEF "    os.kill(os.getpid(), 9)\n",
                "the process"},
        // Sixty-four processes at most, each for a second.
        Hostile{
            "Forks",
            "import os, time\nfor _ in range(64):\n    if os.fork() == 0:\n        time.sleep(1)\n"
            "        os._exit(0)\n" MOA_DEF "    return {}\n",
            "Error"},
        Hostile{"Threads",
                "import threading\nthreading.Thread(target=print).start()\n" MOA_DEF
                "    return {}\n",
                "can't start new thread"},
        Hostile{"ReadsPasswords", "secret = open('/etc/passwd').read()\n" MOA_DEF "    return {}\n",
                "/etc/passwd"},
        Hostile{"ReadsTheWorkersEnvironment",
                "import os\nsecret = open('/proc/%d/environ' % os.getppid(), 'rb').read()\n" MOA_DEF
                "    return {}\n",
                "environ"},
        Hostile{"ReadsTheKey",
                "import os\nsecret = os.environ['CEREBRAS_API_KEY']\n" MOA_DEF "    return {}\n",
                "KeyError"},
        Hostile{"OpensASocket",
                "import socket\nsocket.create_connection(('127.0.0.1', 80), 1)\n" MOA_DEF
                "    return {}\n",
                "Error"},
        Hostile{"WritesAFile", "open('CANARY', 'w').write('x')\n" MOA_DEF "    return {}\n",
                "Error"},
        Hostile{"ForgesAScore",
                "import os\nprint('{\"total\":120}')\nos.write(3, b'{\"total\":120,\"max\":120}' * "
                "9)\n" MOA_DEF "    return {}\n",
                "the program wrote into the sandbox's own pipe"},
        Hostile{"WritesWithoutEnd", "import os\n" MOA_DEF "    return 'x' * (100 << 20)\n",
                "the output's limit"},
        Hostile{"IsNoProgram", "I cannot help with that.", "not Python"},
        Hostile{"HasAnotherName", "def metrics(users, a, b):\n    return {}\n",
                "there is no function calculate_user_metrics"}),
    [](const testing::TestParamInfo<Hostile>& one) { return one.param.name; });

// The whole time of the sandbox, once.
TEST_F(ChallengeTest, AnEndlessLoopEndsTheGradingAtItsTime) {
  EXPECT_THAT(Graded(MOA_DEF "    while True: pass\n"), StartsWith(R"({"total":0,)"));
  EXPECT_THAT(Graded(kRight), HasSubstr(R"("total":120)"));
}

TEST_F(ChallengeTest, PrintingWithoutEndIsThrownAway) {
  const std::string noisy =
      absl::StrCat("for _ in range(100):\n    print('x' * (1 << 20))\n", kRight);
  EXPECT_THAT(Graded(noisy), HasSubstr(R"("total":120)"));
}

TEST_F(ChallengeTest, AConfigurationIsRunGradedAndRanked) {
  const std::string file = cluster_.JobFile("mine.yaml", R"(
moa:
  layers: [{agents: [{name: coder, model: gpt-oss-120b}]}]
  aggregator: {model: gpt-oss-120b}
)");
  const CommandResult run =
      cluster_.Moactl({"challenge", "run", "-f", file, "-n", "2", "-o", "json"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("\"max\":120"));
  EXPECT_THAT(run.out, HasSubstr("\"name\":\"mine\""));
  EXPECT_THAT(run.out, HasSubstr("\"grading_job_id\""));
  const CommandResult board = cluster_.Moactl({"challenge", "leaderboard", "-o", "json"});
  EXPECT_THAT(board.out, HasSubstr("\"name\":\"mine\""));
  EXPECT_THAT(board.out, HasSubstr("\"attempts\":2"));
  EXPECT_THAT(cluster_.Moactl({"challenge", "leaderboard", "--tenant", "other"}).out,
              Not(HasSubstr("mine")));
  // Grades outlive the coordinator.
  cluster_.StartCoordinator();
  EXPECT_EQ(cluster_.Moactl({"challenge", "leaderboard", "-o", "json"}).out, board.out);
}

TEST_F(ChallengeTest, AFolderOfConfigurationsIsRunTogetherAndItsMistakesAreTold) {
  const std::string folder = cluster_.Path("configurations");
  std::filesystem::create_directory(folder);
  cluster_.JobFile("configurations/a.yaml", "moa: {aggregator: {model: gpt-oss-120b}}\n");
  cluster_.JobFile("configurations/b.json",
                   R"({"moa": {"aggregator": {"model": "qwen-3.8-27b"}}})");
  cluster_.JobFile("configurations/c.yml", "moa: {aggregator: {modell: x}}\n");
  cluster_.JobFile("configurations/d.yml", "moa: {aggregator: {model: no-such}}\n");
  cluster_.JobFile("configurations/notes.txt", "not a job");
  const std::string csv = cluster_.Path("results.csv");
  const CommandResult batch =
      cluster_.Moactl({"challenge", "batch", folder, "-n", "2", "--csv", csv, "-o", "json"});
  EXPECT_EQ(batch.status, 1) << "two of four could not be run";
  EXPECT_THAT(batch.err, HasSubstr("c.yml:1: moa.aggregator.modell"));
  EXPECT_THAT(batch.err, HasSubstr("d.yml:1: moa.aggregator.model: \"no-such\" is no known model"));
  EXPECT_THAT(batch.out, HasSubstr("\"rank\":2"));
  EXPECT_THAT(ReadFile(csv), StartsWith("rank,configuration,file,attempt,total"));
}

TEST_F(ChallengeTest, ALayerTakesAGraderAsItsCritic) {
  const std::string file = cluster_.JobFile("graded.yaml", R"(
prompt: Write f.
moa:
  layers:
    - agents: [{name: coder, model: gpt-oss-120b, samples: 2}]
      critique:
        critics:
          - name: tests
            grader:
              name: mine
              function: f
              checks: [{id: one, cases: [{args: [1], points: 5, equals: 1}]}]
        verdict: score
        accept_score: 10
        keep: 1
        rounds: 2
  aggregator: {model: gpt-oss-120b}
)");
  const CommandResult result = cluster_.Moactl({"submit", "-f", file, "--wait", "-o", "json"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\"agent\":\"tests\",\"sample\":1,\"model\":\"grader\""));
  EXPECT_THAT(result.out, HasSubstr("0 of 5 points."));
  EXPECT_THAT(result.out, HasSubstr("\"upstream_calls\":5"));
}

TEST_F(ChallengeTest, AGraderOfOnesOwnGradesAFile) {
  const std::string grader = cluster_.JobFile("adds.yaml", R"(
name: adds
function: add
checks:
  - id: sums
    cases: [{args: [1, 2], points: 4, equals: 3}, {args: [[1], [2]], points: 1, equals: [1, 2]}]
)");
  EXPECT_THAT(Graded("add = lambda a, b: a + b", {"--grader", grader}),
              StartsWith(R"({"total":5,"max":5,"grade":"A")"));
}

TEST_F(ChallengeTest, MistakesAreToldWithTheirPlace) {
  const auto fails = [&](const Args& args) {
    const CommandResult result = cluster_.Moactl(args);
    EXPECT_EQ(result.status, 2) << result.out;
    return result.err;
  };
  EXPECT_THAT(fails({"challenge", "grade", "/nowhere.py"}), HasSubstr("/nowhere.py"));
  EXPECT_THAT(fails({"challenge", "grade", cluster_.JobFile("empty.py", "\n")}),
              HasSubstr("nothing to grade"));
  EXPECT_THAT(
      fails({"challenge", "grade", cluster_.JobFile("a.py", kRight), "--grader", "no-such"}),
      HasSubstr("user-metrics"));
  EXPECT_THAT(fails({"challenge", "grade", cluster_.JobFile("a.py", kRight), "--grader",
                     cluster_.JobFile("bad.yaml", "name: a\nfunction: f\nchecks:\n  - {id: x}\n")}),
              HasSubstr("bad.yaml:4:"));
  EXPECT_THAT(fails({"challenge", "batch", cluster_.Path("nothing")}), HasSubstr("nothing"));
  EXPECT_THAT(fails({"challenge", "run", "-f", cluster_.JobFile("bad.yml", "moa: {x: 1}\n")}),
              HasSubstr("bad.yml:1:"));
  EXPECT_THAT(fails({"challenge"}), HasSubstr("subcommand is required"));
}

// The worker that grades dies in the middle: another grades the answer.
TEST_F(ChallengeTest, AnotherWorkerGradesWhatADeadOneWasAt) {
  const std::string job = cluster_.Submit(cluster_.JobFile(
      "grading.yaml", absl::StrCat("messages: [{role: user, content: \"import time\\ntime.sleep(3)"
                                   "\\ndef calculate_user_metrics(u, s, e): return {}\"}]\n"
                                   "moa: {aggregator: {grader: user-metrics}}\n")));
  ASSERT_TRUE(WaitUntil([&] {
    return absl::StrContains(cluster_.Moactl({"workers", "-o", "json"}).out,
                             "\"grading_slots_used\":1");
  }));
  cluster_.process("worker-1").Kill();
  cluster_.StartWorker("worker-2", {"--grading-slots", "1"});
  const JobView ended = cluster_.WaitForEnd(job);
  EXPECT_EQ(ended.state, "SUCCEEDED");
  EXPECT_THAT(ended.answer, HasSubstr("\"total\":"));
}

}  // namespace
}  // namespace moa::cluster
