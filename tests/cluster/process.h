#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace moa::cluster {

// How long a test waits for something that takes milliseconds on an idle machine. Only a test that
// fails ever waits so long.
inline constexpr absl::Duration kPatience = absl::Seconds(30);

// Looks at `condition` every few milliseconds until it holds; false when it did not within `bound`.
bool WaitUntil(const std::function<bool()>& condition, absl::Duration bound = kPatience);

// The whole file; empty when there is none.
std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, absl::string_view bytes);

// A program under test: a child made with fork and exec, whose output goes to files. Nothing
// outlives the test: the destructor kills it, and should the test itself die, the kernel does
// (PR_SET_PDEATHSIG).
//
// Methods that cannot do what they are for throw std::runtime_error with the program's last words
// in it, which GoogleTest reports as the test's failure. Owner: the test. Not thread-safe.
class Process {
 public:
  struct Options {
    std::string program;  // a path
    std::vector<std::string> args;
    // Set beside what the test itself inherited; an empty value removes the variable.
    std::vector<std::pair<std::string, std::string>> environment;
    std::string output_path;  // stdout is written here,
    std::string log_path;     // stderr here
    std::string input_path = "/dev/null";
    rlim_t file_bytes_max = 0;  // RLIMIT_FSIZE; 0: as inherited
    int network_fd = -1;        // a network namespace to run in; -1: as inherited
  };

  explicit Process(Options options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  std::string Log() const { return ReadFile(options_.log_path); }
  std::string Output() const { return ReadFile(options_.output_path); }
  bool Running() { return !Wait(absl::ZeroDuration()).has_value(); }

  // The address in the line "KIND listening on HOST:PORT" ("grpc", "metrics", "http"). Waits for
  // it; throws when the program ends first or takes too long.
  std::string Address(absl::string_view kind);
  // Waits until the log holds `text`; throws when the program ends first or takes too long.
  void WaitForLog(absl::string_view text);

  // Sends SIGTERM, SIGSTOP, … REQUIRES: not yet reaped by Wait or Kill.
  void Signal(int signal);
  // SIGKILL, and waits for the end. Does nothing when it has ended.
  void Kill();
  // The exit status, 128 + N after signal N; nullopt when it still runs after `bound`.
  std::optional<int> Wait(absl::Duration bound = kPatience);
  // SIGTERM, then the exit status; throws when the program does not end.
  int Terminate();

  // User and system time so far, and resident memory. REQUIRES: running.
  absl::Duration CpuTime() const;
  int64_t ResidentBytes() const;

 private:
  [[noreturn]] void Fail(absl::string_view what);

  const Options options_;
  pid_t pid_ = -1;
  int pid_fd_ = -1;
  std::optional<int> status_;
};

struct CommandResult {
  int status = -1;
  std::string out;
  std::string err;
};

// Runs a program to its end. Throws when it is not over within `bound`.
CommandResult RunToEnd(Process::Options options, absl::Duration bound = kPatience);

}  // namespace moa::cluster
