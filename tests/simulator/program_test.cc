// The program itself: its listening line, exit statuses and messages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "tests/common/http/raw_client.h"

namespace moa::simulator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A running cerebras-sim whose output can be read. Ends it, if nobody has, when it goes.
class Program {
 public:
  explicit Program(std::vector<std::string> args, std::vector<std::string> environment = {}) {
    int ends[2];
    MOA_CHECK(pipe(ends) == 0);
    pid_ = fork();
    MOA_CHECK(pid_ >= 0);
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]);
      close(ends[1]);
      const std::string path = absl::StrCat(MOA_BIN_DIR, "/cerebras-sim");
      args.insert(args.begin(), path);
      std::vector<char*> argv;
      for (std::string& arg : args) argv.push_back(arg.data());
      argv.push_back(nullptr);
      std::vector<char*> envp;
      for (std::string& variable : environment) envp.push_back(variable.data());
      envp.push_back(nullptr);
      execve(path.c_str(), argv.data(), envp.data());
      _exit(127);
    }
    close(ends[1]);
    out_ = fdopen(ends[0], "r");
  }
  ~Program() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    fclose(out_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::string ReadLine() {
    char line[4096];
    return fgets(line, sizeof(line), out_) == nullptr ? "" : line;
  }
  std::string ReadAll() {
    std::string all;
    for (std::string line = ReadLine(); !line.empty(); line = ReadLine()) all += line;
    return all;
  }
  // The port of its listening line.
  int WaitForPort() {
    const std::string line = ReadLine();
    int port = 0;
    const size_t colon = line.rfind(':');
    MOA_CHECK(line.rfind("http listening on 127.0.0.1:", 0) == 0);
    MOA_CHECK(absl::SimpleAtoi(line.substr(colon + 1), &port));
    return port;
  }
  void Signal(int signal) { kill(pid_, signal); }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  FILE* out_ = nullptr;
};

TEST(ProgramTest, ServesOnAFreePortAndEndsOnSigterm) {
  Program program({"--listen", "127.0.0.1:0"});
  const int port = program.WaitForPort();
  EXPECT_THAT(Fetch(port, "GET", "/v1/tcp_warming"), StartsWith("HTTP/1.1 200"));
  program.Signal(SIGTERM);
  EXPECT_EQ(program.Wait(), 0);
}

TEST(ProgramTest, SaysThatItsPortIsTaken) {
  Program first({"--listen", "127.0.0.1:0"});
  const std::string address = absl::StrCat("127.0.0.1:", first.WaitForPort());
  Program second({"--listen", address});
  EXPECT_THAT(second.ReadAll(),
              AllOf(HasSubstr("cerebras-sim: cannot listen on"), HasSubstr(address)));
  EXPECT_EQ(second.Wait(), 1);
}

TEST(ProgramTest, ReadsTheEnvironmentAndFlagsWin) {
  Program program({"--tier", "unlimited"},
                  {"CEREBRAS_SIM_LISTEN=127.0.0.1:0", "CEREBRAS_SIM_TIME_SCALE=0",
                   "CEREBRAS_SIM_TIER=free", "CEREBRAS_SIM_API_KEY=csk-only"});
  const int port = program.WaitForPort();
  const std::string body =
      R"({"model":"gpt-oss-120b","messages":[{"role":"user","content":"hi"}]})";
  EXPECT_THAT(Fetch(port, "POST", "/v1/chat/completions", body, "Authorization: Bearer x\r\n"),
              StartsWith("HTTP/1.1 401"));
  const std::string reply =
      Fetch(port, "POST", "/v1/chat/completions", body, "Authorization: Bearer csk-only\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(reply, testing::Not(HasSubstr("x-ratelimit")));
}

// So that a script can put its own choice behind a default.
TEST(ProgramTest, AFlagGivenTwiceKeepsItsLastValue) {
  Program program(
      {"--listen", "127.0.0.1:0", "--requests-per-minute", "5", "--requests-per-minute", "7"});
  EXPECT_THAT(Fetch(program.WaitForPort(), "GET", "/sim/limits"),
              HasSubstr(R"("requests_per_minute":7,)"));
}

struct BadFlag {
  std::vector<std::string> args;
  const char* says;
};

class ProgramFlagTest : public testing::TestWithParam<BadFlag> {};

TEST_P(ProgramFlagTest, IsAnErrorThatNamesTheFlag) {
  Program program(GetParam().args);
  EXPECT_THAT(program.ReadAll(), HasSubstr(GetParam().says));
  EXPECT_EQ(program.Wait(), 2);
}

INSTANTIATE_TEST_SUITE_P(Flags, ProgramFlagTest,
                         testing::Values(BadFlag{{"--time-scale", "-1"}, "--time-scale"},
                                         BadFlag{{"--time-scale", "fast"}, "--time-scale"},
                                         BadFlag{{"--tier", "gold"}, "--tier"},
                                         BadFlag{{"--reply-tokens", "9-3"}, "--reply-tokens"},
                                         BadFlag{{"--fault", "resett"},
                                                 "there is no kind 'resett'"},
                                         BadFlag{{"--threads", "0"}, "--threads"},
                                         BadFlag{{"--no-such-flag"}, "--no-such-flag"}));

TEST(ProgramTest, ExplainsItselfAndRepeatsFaults) {
  Program help({"--help"});
  EXPECT_THAT(help.ReadAll(),
              AllOf(HasSubstr("--time-scale"), HasSubstr("CEREBRAS_SIM_TIME_SCALE")));
  EXPECT_EQ(help.Wait(), 0);
  Program program({"--listen", "127.0.0.1:0", "--fault", "status=500,first=1", "--fault", "crlf"});
  const int port = program.WaitForPort();
  EXPECT_THAT(Fetch(port, "GET", "/sim/faults"), HasSubstr(R"("spec":"crlf")"));
}

}  // namespace
}  // namespace moa::simulator
