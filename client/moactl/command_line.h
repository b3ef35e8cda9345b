#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "client/lib/moa_client.h"
#include "client/moactl/completion.h"

namespace moa {

enum class Command {
  kSubmit,
  kInspect,
  kAblate,
  kGet,
  kList,
  kCount,
  kWatch,
  kTrace,
  kCancel,
  kWorkers,
  kModels,
  kPresets,
  kHealth,
  kAdmin,
  kCompletion
};

struct SubmitArguments {
  std::string file;  // -f; "-" is standard input; empty: none
  std::string preset;
  std::optional<std::string> prompt;  // given, even if empty
  std::string prompt_file;            // "-" is standard input; empty: none
  std::optional<absl::Duration> deadline;
  std::string follows;  // a job's id; empty: none
  std::string idempotency_key;
  bool wait = false;
  bool watch = false;
  bool cancel_on_exit = false;
};

struct AdminArguments {
  enum class Verb { kStatus, kCheck, kPrune, kBackup };
  Verb verb = Verb::kStatus;
  absl::Duration older_than;  // of prune
  bool dry_run = false;       // likewise
  std::string path;           // of backup, on the coordinator's machine
};

// What the user asked for. A value type.
struct Invocation {
  Command command = Command::kHealth;
  ClientOptions client;
  bool json = false;
  SubmitArguments submit;   // of inspect, too
  std::string preset;       // of presets; empty: all
  std::string rater;        // of ablate: a model; empty: the job's aggregator's
  uint32_t repeat = 3;      // of ablate
  std::string job_id;       // of get, watch, trace, cancel, ablate
  std::string chrome_file;  // of trace; "-" is standard output; empty: none
  std::string reason;       // of cancel
  ListOptions list;
  size_t list_max = 50;  // 0: all
  AdminArguments admin;
  std::string shell;                // of completion
  std::vector<CommandWords> words;  // likewise: every command with its flags
};

// Reads the command line and the environment. Returns the exit status instead when the process
// should end now: 0 after --help (printed on stdout), 2 after a mistake (printed on stderr, with
// the flag's name).
std::variant<Invocation, int> ParseCommandLine(int argc, const char* const* argv);

}  // namespace moa
