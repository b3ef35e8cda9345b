#pragma once

#include <atomic>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/lib/moa_client.h"
#include "client/moactl/command_line.h"
#include "client/moactl/terminal.h"
#include "moa/v1/job.pb.h"

namespace moa {

// The exit statuses that scripts rely on.
inline constexpr int kExitOk = 0;
inline constexpr int kExitJobFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnreachable = 3;
inline constexpr int kExitInterrupted = 130;

// A coordinator that stays away for longer is not restarting.
inline constexpr absl::Duration kReconnectFor = absl::Minutes(10);

// Ctrl-C. While a command watches a job, the first one asks it to stop watching (which leaves the
// job running); at any other time there is nothing to wind up and the process ends. Thread-safe.
class Interruption {
 public:
  // By the thread that takes signals.
  void Signal();
  // By the command: from now on a signal requests a stop. Returns what to watch with.
  std::stop_token BeginWatch();

 private:
  std::atomic<bool> watching_ = false;
  std::stop_source stop_;
};

// What a command needs; all outlive it.
struct CommandContext {
  const Invocation& invocation;
  Client& client;
  Console& console;
  Interruption& interruption;
};

// Runs the command and returns the exit status. Errors have been printed.
int RunCommand(const Invocation& invocation, Interruption& interruption);

int RunSubmit(const CommandContext& context);
int RunInspect(const CommandContext& context);
int RunAblate(const CommandContext& context);
int RunTune(const CommandContext& context);
int RunGet(const CommandContext& context);
int RunList(const CommandContext& context);
int RunCount(const CommandContext& context);
int RunWatch(const CommandContext& context);
int RunTrace(const CommandContext& context);
int RunCancel(const CommandContext& context);
int RunWorkers(const CommandContext& context);
int RunModels(const CommandContext& context);
int RunPresets(const CommandContext& context);
int RunHealth(const CommandContext& context);
int RunChallenge(const CommandContext& context);
int RunAdmin(const CommandContext& context);

// Prints an error and returns the exit status that belongs to it.
int Fail(const CommandContext& context, const absl::Status& status);
int ExitStatusOf(const absl::Status& status);
int ExitStatusOf(v1::JobState state);

// Follows a job to its end, with progress if `progress`, and prints the outcome: the answer on
// standard output (or the job's object as JSON), the rest on standard error. `cancel_on_exit`: the
// job ends with this program, when that ends before it.
int Follow(const CommandContext& context, const std::string& job_id, bool progress,
           bool cancel_on_exit);

}  // namespace moa
