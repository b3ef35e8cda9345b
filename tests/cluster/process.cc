#include "tests/cluster/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace moa::cluster {
namespace {

constexpr size_t kLastWordsBytes = 4000;

std::string LastWords(const std::string& log) {
  return log.size() <= kLastWordsBytes ? log : "…" + log.substr(log.size() - kLastWordsBytes);
}

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void RunChild(const Process::Options& options, char* const* args,
                           char* const* environment, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);  // it died before the call above
  // A group of its own: what a test sends to its own group does not reach it.
  setpgid(0, 0);
  const int in = open(options.input_path.c_str(), O_RDONLY);
  const int out = open(options.output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int log = open(options.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (in < 0 || out < 0 || log < 0) _exit(126);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  if (options.file_bytes_max > 0) {
    const rlimit limit{options.file_bytes_max, options.file_bytes_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  if (options.network_fd >= 0 && setns(options.network_fd, CLONE_NEWNET) != 0) _exit(126);
  execve(options.program.c_str(), args, environment);
  _exit(127);
}

std::vector<std::string> Environment(const Process::Options& options) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const absl::string_view text = *entry;
    bool replaced = false;
    for (const auto& [name, value] : options.environment) {
      replaced = replaced || absl::StartsWith(text, absl::StrCat(name, "="));
    }
    // The developer's own settings must not steer the programs under test.
    if (!replaced && !absl::StartsWith(text, "MOA_") && !absl::StartsWith(text, "CEREBRAS_")) {
      result.emplace_back(text);
    }
  }
  for (const auto& [name, value] : options.environment) {
    if (!value.empty()) result.push_back(absl::StrCat(name, "=", value));
  }
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

bool WaitUntil(const std::function<bool()>& condition, absl::Duration bound) {
  const absl::Time end = absl::Now() + bound;
  while (!condition()) {
    if (absl::Now() >= end) return condition();
    absl::SleepFor(absl::Milliseconds(3));
  }
  return true;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void WriteFile(const std::string& path, absl::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error(absl::StrCat("cannot write ", path));
}

Process::Process(Options options) : options_(std::move(options)) {
  std::vector<std::string> args = {options_.program};
  args.insert(args.end(), options_.args.begin(), options_.args.end());
  std::vector<std::string> environment = Environment(options_);
  const std::vector<char*> arg_pointers = Pointers(args);
  const std::vector<char*> environment_pointers = Pointers(environment);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) RunChild(options_, arg_pointers.data(), environment_pointers.data(), parent);
  if (pid_ < 0) Fail(absl::StrCat("cannot be started: ", std::strerror(errno)));
  pid_fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pid_fd_ < 0) Fail(absl::StrCat("no pidfd: ", std::strerror(errno)));
}

Process::~Process() {
  Kill();
  if (pid_fd_ >= 0) close(pid_fd_);
}

std::string Process::Address(absl::string_view kind) {
  const std::string marker = absl::StrCat(kind, " listening on ");
  std::string address;
  const auto found = [&] {
    for (const absl::string_view line : absl::StrSplit(Log(), '\n')) {
      // A line still being written has no end yet; the address is whole once the next byte is
      // there.
      if (absl::StartsWith(line, marker)) address = std::string(line.substr(marker.size()));
    }
    return !address.empty() && absl::StrContains(Log(), address + "\n");
  };
  if (!WaitUntil([&] { return found() || !Running(); }) || !found()) {
    Fail(absl::StrCat("did not say '", marker, "…'"));
  }
  return address;
}

void Process::WaitForLog(absl::string_view text) {
  const auto found = [&] { return absl::StrContains(Log(), text); };
  if (!WaitUntil([&] { return found() || !Running(); }) || !found()) {
    Fail(absl::StrCat("did not say '", text, "'"));
  }
}

void Process::Signal(int signal) {
  if (status_.has_value() || kill(pid_, signal) != 0) Fail("is gone and cannot be signalled");
}

void Process::Kill() {
  if (pid_ <= 0 || status_.has_value()) return;
  kill(pid_, SIGKILL);
  Wait();
}

std::optional<int> Process::Wait(absl::Duration bound) {
  if (status_.has_value()) return status_;
  pollfd ended{pid_fd_, POLLIN, 0};
  const absl::Time end = absl::Now() + bound;
  int ready = -1;
  do {
    const absl::Duration left = std::max(end - absl::Now(), absl::ZeroDuration());
    ready = poll(&ended, 1, static_cast<int>(absl::ToInt64Milliseconds(left)));
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return std::nullopt;
  int status = 0;
  if (waitpid(pid_, &status, 0) != pid_) return std::nullopt;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

int Process::Terminate() {
  Signal(SIGTERM);
  const std::optional<int> status = Wait();
  if (!status.has_value()) Fail("does not end on SIGTERM");
  return *status;
}

absl::Duration Process::CpuTime() const {
  const std::string stat = ReadFile(absl::StrCat("/proc/", pid_, "/stat"));
  // After the name in parentheses, which may hold spaces: state is field 3, utime 14, stime 15.
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(stat.rfind(')') + 2), ' ');
  int64_t user = 0, system = 0;
  if (fields.size() < 13 || !absl::SimpleAtoi(fields[11], &user) ||
      !absl::SimpleAtoi(fields[12], &system)) {
    throw std::runtime_error("/proc/PID/stat does not read");
  }
  return absl::Seconds(1) * (user + system) / sysconf(_SC_CLK_TCK);
}

int64_t Process::ResidentBytes() const {
  const std::vector<std::string> fields =
      absl::StrSplit(ReadFile(absl::StrCat("/proc/", pid_, "/statm")), ' ');
  int64_t pages = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &pages)) {
    throw std::runtime_error("/proc/PID/statm does not read");
  }
  return pages * sysconf(_SC_PAGESIZE);
}

void Process::Fail(absl::string_view what) {
  const std::string status =
      status_.has_value() ? absl::StrCat(" (ended with ", *status_, ")") : "";
  throw std::runtime_error(
      absl::StrCat(options_.program, " ", what, status, "; its last words:\n", LastWords(Log())));
}

CommandResult RunToEnd(Process::Options options, absl::Duration bound) {
  WriteFile(options.output_path, "");
  WriteFile(options.log_path, "");
  Process process(options);
  const std::optional<int> status = process.Wait(bound);
  if (!status.has_value()) {
    throw std::runtime_error(absl::StrCat(
        options.program, " ", options.args.empty() ? "" : options.args[0], " is not over after ",
        absl::FormatDuration(bound), "; it says:\n", LastWords(process.Log())));
  }
  return {*status, process.Output(), process.Log()};
}

}  // namespace moa::cluster
