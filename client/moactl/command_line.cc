#include "client/moactl/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>

#include "absl/strings/str_split.h"
#include "client/moactl/grader_choice.h"
#include "client/moactl/names.h"
#include "client/moactl/tune_setup.h"
#include "common/flags/values.h"
#include "common/net/address.h"

namespace moa {
namespace {

constexpr char kStatuses[] =
    "Exit status:\n"
    "  0  succeeded\n"
    "  1  the job failed or was cancelled\n"
    "  2  wrong usage, an invalid job, or no such job\n"
    "  3  the coordinator is not reachable, or cannot take the job now\n"
    "  130  interrupted with Ctrl-C; a submitted job goes on";

absl::StatusOr<Address> ParseAddresses(const std::string& text) {
  absl::StatusOr<Address> address;
  for (const absl::string_view one : absl::StrSplit(text, ',')) {
    address = ParseAddress(one);
    if (!address.ok()) break;
  }
  return address;
}

// A CLI11 validator from one of our parsers: its message becomes the error's.
template <typename Parse>
CLI::Validator Parsed(const char* name, Parse parse) {
  return CLI::Validator(
      [parse](std::string& text) {
        const auto value = parse(text);
        return value.ok() ? std::string() : std::string(value.status().message());
      },
      name);
}

class CommandLine {
 public:
  CommandLine() : app_("Submits jobs to a moa coordinator and follows them.", "moactl") {
    AddGlobalFlags();
    AddSubmit();
    AddJobCommands();
    AddTune();
    AddClusterCommands();
    // A missing command is found after the parse: CLI11 would name that, and not the word it does
    // not know.
    app_.require_subcommand(0, 1);
    app_.footer(kStatuses);
  }

  std::variant<Invocation, int> Parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      const bool helped = error.get_exit_code() == 0;
      app_.exit(error, std::cout, std::cerr);
      return helped ? 0 : 2;
    }
    if (app_.get_subcommands().empty()) {
      std::cerr
          << "a command is missing: submit, get, watch, …\nRun with --help for more information.\n";
      return 2;
    }
    for (const auto& [subcommand, command] : commands_) {
      if (subcommand->parsed()) invocation_.command = command;
    }
    if (const std::string flag = BesideResume(); !flag.empty()) {
      std::cerr << flag << ": leave it out: with --resume the history says it\n";
      return 2;
    }
    for (const CLI::Option* prompt : prompts_) {
      if (prompt->count() > 0) invocation_.submit.prompt = prompt_text_;
    }
    if (deadline_->count() > 0) invocation_.submit.deadline = *ParseDurationValue(deadline_text_);
    if (older_than_->count() > 0)
      invocation_.admin.older_than = *ParseDurationValue(older_than_text_);
    for (const std::string& name : states_) {
      invocation_.list.states.push_back(JobStateFromName(name));
    }
    // Pages no larger than what is wanted.
    if (invocation_.list_max > 0) {
      invocation_.list.page_size =
          static_cast<uint32_t>(std::min<size_t>(invocation_.list_max, 1000));
    }
    invocation_.json = output_ == "json";
    // Whoever asks for health wants to know how it is now.
    if (invocation_.command == Command::kHealth) {
      invocation_.client.retry_for = absl::ZeroDuration();
    }
    if (invocation_.command == Command::kCompletion) invocation_.words = Words();
    return invocation_;
  }

 private:
  void AddGlobalFlags() {
    app_.fallthrough();  // `moactl get J -o json` as well as `moactl -o json get J`
    app_.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    ClientOptions& client = invocation_.client;
    app_.add_option("--coordinator", client.address,
                    "Where the coordinator listens; of several any is asked")
        ->envname("MOA_COORDINATOR")
        ->capture_default_str()
        ->check(Parsed("HOST:PORT[,…]", ParseAddresses));
    app_.add_option("-o,--output", output_, "text for people, json for scripts")
        ->envname("MOA_OUTPUT")
        ->capture_default_str()
        ->check(CLI::IsMember({"text", "json"}));
    app_.add_option("--tls-ca", client.tls_ca,
                    "PEM file of the CA of the coordinator; turns TLS on")
        ->envname("MOA_TLS_CA")
        ->group("TLS");
    app_.add_option("--tls-cert", client.tls_cert, "PEM file of the certificate shown to it")
        ->envname("MOA_TLS_CERT")
        ->group("TLS");
    app_.add_option("--tls-key", client.tls_key, "PEM file of that certificate's key")
        ->envname("MOA_TLS_KEY")
        ->group("TLS");
  }

  CLI::App* Add(Command command, const std::string& name, const std::string& help,
                const std::string& examples) {
    CLI::App* subcommand = app_.add_subcommand(name, help);
    subcommand->footer("Examples:\n" + examples);
    commands_[subcommand] = command;
    return subcommand;
  }

  // What describes a job, for the commands that take one.
  void AddJob(CLI::App* c) {
    SubmitArguments& submit = invocation_.submit;
    c->add_option("-f,--file", submit.file, "Job file, YAML or JSON; - is standard input");
    c->add_option("--preset", submit.preset,
                  "Use this MoA (see: moactl presets) instead of the file's; what the file changes "
                  "in its preset is changed in this one");
    CLI::Option* prompt =
        c->add_option("--prompt", prompt_text_, "Replaces the file's prompt or messages");
    prompts_.push_back(prompt);
    c->add_option("--prompt-file", submit.prompt_file,
                  "Reads the prompt from a file, byte for byte; - is standard input")
        ->excludes(prompt);
    c->add_option("--follows", submit.follows,
                  "Go on from this job: its conversation and answer come before the prompt");
  }

  void AddSubmit() {
    SubmitArguments& submit = invocation_.submit;
    CLI::App* c =
        Add(Command::kSubmit, "submit", "Submit a job",
            "  moactl submit --preset moa --prompt 'Plan an afternoon in San Francisco' --watch\n"
            "  moactl submit -f trip.yaml --wait -o json | jq -r .answer\n"
            "  git diff | moactl submit --preset workshop --prompt-file - --watch\n"
            "  moactl submit -f job.json --idempotency-key nightly-2026-11-21");
    AddJob(c);
    CLI::Option* wait = c->add_flag("--wait", submit.wait, "Wait for the end and print the answer");
    c->add_flag("--watch", submit.watch, "As --wait, and show progress on standard error")
        ->excludes(wait);
    c->add_flag("--cancel-on-exit", submit.cancel_on_exit,
                "With --wait or --watch: cancel the job when this program ends before it");
    c->add_option("--idempotency-key", submit.idempotency_key,
                  "Submitting again with the same key and job gives the same job");
    deadline_ =
        c->add_option("--deadline", deadline_text_, "Fail the job if it takes longer, as 30s or 2m")
            ->check(Parsed("DURATION",
                           [](const std::string& text) { return ParseDurationValue(text); }));
    AddJob(Add(Command::kInspect, "inspect",
               "Show what a job would do: stages, costs, every prompt; nothing is sent",
               "  moactl inspect --preset ninja\n"
               "  moactl inspect -f trip.yaml -o json | jq .calls_max"));
  }

  void AddJobCommands() {
    const auto job = [&](CLI::App* c) {
      c->add_option("JOB", invocation_.job_id, "The job's id")->required();
    };
    job(Add(Command::kGet, "get", "Show a job: answer, agents, where the time went",
            "  moactl get 01KBKV3S5Q8W3Z6JY0N4T2M7RC\n"
            "  moactl get 01KBKV3S5Q8W3Z6JY0N4T2M7RC -o json | jq .usage"));
    job(Add(Command::kWatch, "watch", "Follow a job until it ends, then show it",
            "  moactl watch 01KBKV3S5Q8W3Z6JY0N4T2M7RC"));
    CLI::App* trace = Add(Command::kTrace, "trace", "Show where a job's time went, call by call",
                          "  moactl trace 01KBKV3S5Q8W3Z6JY0N4T2M7RC\n"
                          "  moactl trace 01KBKV3S5Q8W3Z6JY0N4T2M7RC -o json | jq .sums\n"
                          "  moactl trace 01KBKV3S5Q8W3Z6JY0N4T2M7RC --chrome trace.json");
    job(trace);
    trace->add_option("--chrome", invocation_.chrome_file,
                      "Write it to this file instead, for chrome://tracing and Perfetto; - is "
                      "standard output");
    CLI::App* cancel = Add(Command::kCancel, "cancel", "End a job; its calls are closed",
                           "  moactl cancel 01KBKV3S5Q8W3Z6JY0N4T2M7RC --reason 'wrong prompt'");
    job(cancel);
    cancel->add_option("--reason", invocation_.reason, "Kept with the job, for people");
    CLI::App* ablate =
        Add(Command::kAblate, "ablate",
            "Run a finished job again without each of its agents, and rate the answers",
            "  moactl ablate 01KBKV3S5Q8W3Z6JY0N4T2M7RC --repeat 5\n"
            "  moactl ablate 01KBKV3S5Q8W3Z6JY0N4T2M7RC --rater qwen-3.8-27b -o json");
    job(ablate);
    ablate->add_option("--rater", invocation_.rater,
                       "Model that rates the answers; the job's aggregator's unless given");
    ablate->add_option("--repeat", invocation_.repeat, "How often everything is run and rated")
        ->capture_default_str()
        ->check(CLI::Range(1, 20));
    CLI::App* list = Add(Command::kList, "list", "List jobs, newest first",
                         "  moactl list --state running --state queued\n"
                         "  moactl list --limit 0 -o json | jq -r '.jobs[].job_id'");
    list->add_option("--tenant", invocation_.list.tenant, "Only this tenant's");
    list->add_option("--state", states_,
                     "Only these: queued, running, succeeded, failed, cancelled")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->delimiter(',')
        ->check(CLI::IsMember({"queued", "running", "succeeded", "failed", "cancelled"},
                              CLI::ignore_case));
    list->add_option("--search", invocation_.list.search, "Only those whose name or id holds this");
    list->add_option("--limit", invocation_.list_max, "At most so many; 0 is all")
        ->capture_default_str();
    Add(Command::kCount, "count", "Count jobs by state",
        "  moactl count\n  moactl count --tenant research -o json")
        ->add_option("--tenant", invocation_.list.tenant, "Only this tenant's");
  }

  void AddTune() {
    TuneArguments& tune = invocation_.tune;
    CLI::App* c =
        Add(Command::kTune, "tune",
            "Search models, temperatures, agents, cycles and prompts that a grader likes best",
            "  moactl tune --preset workshop --grader user-metrics --trials 60 --parallel 8\n"
            "  moactl tune -f base.yaml --models all --history tune.jsonl --out best.yaml\n"
            "  moactl tune --resume tune.jsonl --out best.yaml\n"
            "  moactl tune -f base.yaml --search temperatures,models --fix planner -o json");
    AddJob(c);
    tune.grader = kGraderDefault;
    c->add_option(
         "--grader", tune.grader,
         "What gives points: one that comes with the programs, or a file (docs/grading.md)")
        ->capture_default_str();
    AddTuneBudget(c);
    AddTuneSpace(c);
    c->add_option("--history", tune.history_file,
                  "Write every decision and result to this file; when it exists, go on from it");
    c->add_option("--out", tune.out_file,
                  "Write the best configuration as a job file; - is standard output");
    c->add_option("--resume", tune.resume_file,
                  "Go on from this history, which says all the rest but --out");
    tune_ = c;
  }

  // A flag that goes with no --resume; empty: none was given.
  std::string BesideResume() const {
    if (tune_->get_option("--resume")->count() == 0) return "";
    for (const CLI::Option* option : tune_->get_options()) {
      const std::string name = option->get_name();
      if (option->count() > 0 && name != "--resume" && name != "--out") return name;
    }
    return "";
  }

  void AddTuneBudget(CLI::App* c) {
    TuneArguments& tune = invocation_.tune;
    c->add_option("--trials", tune.trials, "Graded runs in all")
        ->capture_default_str()
        ->check(CLI::Range(uint64_t{1}, uint64_t{10'000}));
    c->add_option("--parallel", tune.parallel,
                  "Trials at once; the more, the less each knows of the others")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    c->add_option("--seed", tune.seed, "Another one searches elsewhere")
        ->capture_default_str()
        ->check(CLI::Range(uint64_t{0}, uint64_t{1'000'000'000}));
    c->add_option("--max-tokens", tune.tokens_max,
                  "Stop before more tokens are spent, in all; 0: no limit")
        ->capture_default_str();
    c->add_option("--max-cost", tune.cost_usd_max,
                  "Stop before more US dollars are spent, in all; 0: no limit")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 1e9));
  }

  void AddTuneSpace(CLI::App* c) {
    TuneArguments& tune = invocation_.tune;
    const auto list = [&](const char* flag, std::vector<std::string>& values, const char* help) {
      return c->add_option(flag, values, help)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
          ->delimiter(',');
    };
    list(
        "--search", tune.search,
        "What is searched, of models, temperatures, agents, cycles, prompts, samples, efforts; the "
        "first five unless given")
        ->check(CLI::IsMember(SearchNames()));
    list("--models", tune.models,
         "Models that agents may get, beside those of the base; all: every one");
    list("--fix", tune.fixed, "Agents that stay as they are; aggregator names the last one");
    c->add_option("--sampler", tune.sampler, "gp learns from what was graded; random does not")
        ->capture_default_str()
        ->check(CLI::IsMember({"gp", "random"}));
    c->add_option("--rewriter", tune.rewriter,
                  "Model that rewrites prompts; the aggregator's unless given");
    c->add_option("--rewrite-every", tune.rewrite_every,
                  "Have prompts rewritten once for so many trials; 0: never")
        ->capture_default_str()
        ->check(CLI::Range(uint64_t{0}, uint64_t{10'000}));
    c->add_option("--max-temperature", tune.temperature_max, "Of any agent")
        ->capture_default_str()
        ->check(CLI::Range(0.01, 2.0));
    c->add_option("--max-samples", tune.samples_max, "Of an agent")
        ->capture_default_str()
        ->check(CLI::Range(1, 16));
    c->add_option("--max-cycles", tune.cycles_max, "Of a layer")
        ->capture_default_str()
        ->check(CLI::Range(1, 16));
    c->add_option("--max-prompts", tune.prompts_max, "Of an agent, the base's included")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
  }

  void AddClusterCommands() {
    Add(Command::kWorkers, "workers", "List the workers that are connected",
        "  moactl workers\n  moactl workers -o json");
    Add(Command::kModels, "models", "List the models that jobs can name", "  moactl models");
    Add(Command::kPresets, "presets", "List the MoAs that jobs can name",
        "  moactl presets\n"
        "  moactl presets ninja\n"
        "  moactl presets -o json | jq '.presets[0].moa'")
        ->add_option("PRESET", invocation_.preset, "Show this one wholly");
    Add(Command::kHealth, "health", "Ask whether the coordinator serves",
        "  moactl health --coordinator moa.example:7070");
    AddChallenge();
    AddAdminCommands();
    Add(Command::kCompletion, "completion", "Print a completion script for a shell",
        "  source <(moactl completion bash)\n"
        "  source <(moactl completion zsh)\n"
        "  moactl completion fish | source")
        ->add_option("SHELL", invocation_.shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  }

  void AddChallenge() {
    using Verb = ChallengeArguments::Verb;
    ChallengeArguments& arguments = invocation_.challenge;
    CLI::App* challenge =
        Add(Command::kChallenge, "challenge", "Grade answers, and what configurations answer",
            "  moactl challenge grade answer.md\n"
            "  moactl challenge run -f workshop.json -n 5\n"
            "  moactl challenge batch configurations/ -n 3 --csv results.csv\n"
            "  moactl challenge leaderboard -o json");
    challenge->require_subcommand(1);
    arguments.grader = kGraderDefault;
    const auto add = [&](Verb verb, const char* name, const char* help) {
      CLI::App* app = challenge->add_subcommand(name, help);
      app->fallthrough();
      app->callback([this, verb] { invocation_.challenge.verb = verb; });
      app->add_option("--grader", arguments.grader,
                      "A grader that comes with the programs, or a file (docs/grading.md)")
          ->capture_default_str();
      return app;
    };
    const auto attempts = [&](CLI::App* app) {
      app->add_option("-n,--attempts", arguments.attempts, "Jobs for each configuration")
          ->capture_default_str()
          ->check(CLI::Range(1, 1000));
      app->add_option("--seed", arguments.seed,
                      "Seed of the first attempt, each further one counting on; drawn unless given")
          ->check(CLI::Range(uint64_t{0}, (uint64_t{1} << 53) - 1));
      app->add_option("--parallel", arguments.parallel, "Jobs at once")
          ->capture_default_str()
          ->check(CLI::Range(1, 64));
    };
    const auto tenant = [&](CLI::App* app) {
      app->add_option("--tenant", arguments.tenant, "Whose jobs; every tenant's unless given");
    };
    CLI::App* grade = add(Verb::kGrade, "grade", "Grade a file: code, or an answer that holds it");
    grade->add_option("FILE", arguments.path, "The file; - is standard input")->required();
    grade->add_option("--tenant", arguments.tenant, "Whose job it is");
    CLI::App* run = add(Verb::kRun, "run", "Run a configuration and grade its answers");
    AddJob(run);
    attempts(run);
    CLI::App* batch =
        add(Verb::kBatch, "batch", "Run all configurations of a folder and rank them");
    batch->add_option("DIR", arguments.path, "Folder of job files (.yaml, .yml, .json)")
        ->required();
    attempts(batch);
    CLI::Option* prompt =
        batch->add_option("--prompt", prompt_text_, "Replaces the files' prompts");
    prompts_.push_back(prompt);
    batch->add_option("--csv", arguments.csv_file,
                      "Write a line for each attempt to this file; - is standard output");
    CLI::App* board = add(Verb::kLeaderboard, "leaderboard", "Rank what was graded so far");
    tenant(board);
    board->add_option("--limit", arguments.limit, "At most so many")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
  }

  void AddAdminCommands() {
    using Verb = AdminArguments::Verb;
    CLI::App* admin = Add(Command::kAdmin, "admin", "Look after the coordinator's store",
                          "  moactl admin check\n"
                          "  moactl admin prune --older-than 720h --dry-run\n"
                          "  moactl admin backup /var/backups/moa.db");
    admin->require_subcommand(1);
    const auto add = [&](Verb verb, const char* name, const char* help) {
      CLI::App* app = admin->add_subcommand(name, help);
      app->fallthrough();
      app->callback([this, verb] { invocation_.admin.verb = verb; });
      return app;
    };
    add(Verb::kStatus, "status", "Show how much it holds, and the coordinators that share it");
    add(Verb::kCheck, "check", "Read all of it and say what is damaged; exit status 1 then");
    CLI::App* prune = add(Verb::kPrune, "prune", "Delete jobs that ended long ago");
    older_than_ = prune->add_option("--older-than", older_than_text_, "How long ago, such as 720h")
                      ->required()
                      ->check(Parsed("DURATION", ParseDurationValue));
    prune->add_flag("--dry-run", invocation_.admin.dry_run, "Only count them");
    add(Verb::kBackup, "backup", "Copy it to a file on the coordinator's machine (SQLite)")
        ->add_option("PATH", invocation_.admin.path, "An absolute path that does not exist yet")
        ->required();
  }

  static void AddFlagsOf(CLI::App& app, std::vector<std::string>& flags) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
      for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
    }
  }

  std::vector<CommandWords> Words() {
    std::vector<CommandWords> words;
    for (CLI::App* subcommand : app_.get_subcommands(nullptr)) {
      CommandWords command = {subcommand->get_name(), subcommand->get_description(), {}, false};
      AddFlagsOf(*subcommand, command.flags);
      AddFlagsOf(app_, command.flags);
      std::sort(command.flags.begin(), command.flags.end());
      command.flags.erase(std::unique(command.flags.begin(), command.flags.end()),
                          command.flags.end());
      command.takes_job = subcommand->get_option_no_throw("JOB") != nullptr;
      words.push_back(std::move(command));
    }
    return words;
  }

  CLI::App app_;
  Invocation invocation_;
  std::map<CLI::App*, Command> commands_;
  std::string output_ = "text";
  std::string prompt_text_;
  std::string deadline_text_;
  std::string older_than_text_;
  std::vector<std::string> states_;
  std::vector<CLI::Option*> prompts_;  // of each command that takes one
  CLI::App* tune_ = nullptr;
  CLI::Option* deadline_ = nullptr;
  CLI::Option* older_than_ = nullptr;
};

}  // namespace

std::variant<Invocation, int> ParseCommandLine(int argc, const char* const* argv) {
  return CommandLine().Parse(argc, argv);
}

}  // namespace moa
