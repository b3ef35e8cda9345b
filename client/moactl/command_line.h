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
  kTune,
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
  kChallenge,
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

struct ChallengeArguments {
  enum class Verb { kGrade, kRun, kBatch, kLeaderboard };
  Verb verb = Verb::kGrade;
  std::string grader;  // its name or a file
  std::string path;    // what is graded; of batch, a folder
  std::string tenant;  // of grade and leaderboard
  uint32_t attempts = 1;
  std::optional<uint64_t> seed;  // of the first attempt; absent: drawn
  uint32_t parallel = 8;
  std::string csv_file;  // of batch; "-" is standard output; empty: none
  uint32_t limit = 50;   // of leaderboard
};

struct TuneArguments {
  std::string grader;  // its name or a file
  uint64_t trials = 60;
  uint32_t parallel = 4;
  uint64_t seed = 1;
  std::string sampler = "gp";       // or "random"
  std::vector<std::string> search;  // what is searched; empty: the default
  std::vector<std::string> models;  // empty: the base's; "all": every model that jobs can name
  std::vector<std::string> fixed;   // agents
  std::string rewriter;             // a model; empty: the aggregator's
  uint64_t rewrite_every = 2;       // trials; 0: never
  uint64_t tokens_max = 0;          // 0: no limit, as the next
  double cost_usd_max = 0;
  double temperature_max = 1.5;
  uint32_t samples_max = 3;
  uint32_t cycles_max = 3;
  uint32_t prompts_max = 100;
  std::string history_file;  // empty: none
  std::string resume_file;   // a history that says all the rest; empty: none
  std::string out_file;      // for the best configuration; empty: none; "-" is standard output
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
  ChallengeArguments challenge;
  TuneArguments tune;
  AdminArguments admin;
  std::string shell;                // of completion
  std::vector<CommandWords> words;  // likewise: every command with its flags
};

// Reads the command line and the environment. Returns the exit status instead when the process
// should end now: 0 after --help (printed on stdout), 2 after a mistake (printed on stderr, with
// the flag's name).
std::variant<Invocation, int> ParseCommandLine(int argc, const char* const* argv);

}  // namespace moa
