// moa-sim: runs simulated clusters from seeds, or replays one of them with everything it does.

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/strings/numbers.h"
#include "tests/sim/cluster.h"
#include "tests/sim/simulation.h"

namespace moa::sim {
namespace {

constexpr char kUsage[] =
    "moa-sim: simulated clusters, each from one seed\n\n"
    "  moa-sim [--cluster] [--seeds N] [--first S] [--seconds T] [--bug NAME]\n"
    "  moa-sim [--cluster] --seed S [--bug NAME]     replay one seed with its whole trace\n\n"
    "  --cluster     several coordinators on one store, not one on its disk\n"
    "  --seeds N     how many (200); 0: as many as --seconds allows\n"
    "  --first S     the first of them (1)\n"
    "  --seconds T   stop after this time (0: no limit)\n"
    "  --bug NAME    plant a defect that the audit must find (see tests/sim/world.h)\n\n"
    "Exit status: 0 all rules held, 1 one was broken (seed and rule are printed), 2 usage.\n";

struct Options {
  uint64_t seeds = 200;
  uint64_t first = 1;
  uint64_t seconds = 0;
  uint64_t seed = 0;  // 0: none
  bool cluster = false;
  Bug bug = Bug::kNone;
};

// For the handler: a broken invariant of the code under test ends the process.
volatile uint64_t g_seed = 0;

void OnAbort(int) {
  char text[96];
  const int size = std::snprintf(
      text, sizeof(text), "seed %llu broke an invariant; replay: --seed %llu\n",
      static_cast<unsigned long long>(g_seed), static_cast<unsigned long long>(g_seed));
  std::fwrite(text, 1, static_cast<size_t>(size), stderr);
  std::signal(SIGABRT, SIG_DFL);
}

bool ParseBug(const char* name, Bug* bug) {
  for (int i = 0; i < kBugs; ++i) {
    if (std::strcmp(BugName(static_cast<Bug>(i)), name) != 0) continue;
    *bug = static_cast<Bug>(i);
    return true;
  }
  return false;
}

bool Parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--cluster") {
      options->cluster = true;
      --i;
      continue;
    }
    if (i + 1 == argc) return false;
    uint64_t* number = flag == "--seeds"     ? &options->seeds
                       : flag == "--first"   ? &options->first
                       : flag == "--seconds" ? &options->seconds
                       : flag == "--seed"    ? &options->seed
                                             : nullptr;
    if (number != nullptr ? !absl::SimpleAtoi(argv[i + 1], number)
                          : flag != "--bug" || !ParseBug(argv[i + 1], &options->bug)) {
      return false;
    }
  }
  return options->seeds > 0 || options->seconds > 0;
}

int Report(const Outcome& outcome, bool cluster) {
  for (const std::string& line : outcome.last) std::printf("%s\n", line.c_str());
  std::printf("\nseed %llu broke the rule: %s\n  %s\nreplay it: moa-sim %s--seed %llu\n",
              static_cast<unsigned long long>(outcome.seed), outcome.rule.c_str(),
              outcome.details.c_str(), cluster ? "--cluster " : "",
              static_cast<unsigned long long>(outcome.seed));
  return 1;
}

int Replay(const Options& options) {
  g_seed = options.seed;
  Outcome outcome = options.cluster
                        ? ClusterSimulation(options.seed, options.bug, Trace::Mode::kPrint).Run()
                        : Simulation(options.seed, options.bug, Trace::Mode::kPrint).Run();
  outcome.last.clear();  // printed already
  if (!outcome.ok()) return Report(outcome, options.cluster);
  std::printf("\nseed %llu: all rules held\n", static_cast<unsigned long long>(options.seed));
  return 0;
}

int RunAll(const Options& options) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  uint64_t ran = 0;
  Outcome sum;
  for (; options.seeds == 0 || ran < options.seeds; ++ran) {
    if (options.seconds > 0 && elapsed() >= static_cast<double>(options.seconds)) break;
    g_seed = options.first + ran;
    const Outcome outcome = options.cluster ? RunClusterSeed(options.first + ran, options.bug)
                                            : RunSeed(options.first + ran, options.bug);
    if (!outcome.ok()) return Report(outcome, options.cluster);
    sum.events += outcome.events;
    sum.jobs += outcome.jobs;
    sum.calls += outcome.calls;
  }
  std::printf("%llu seeds from %llu: all rules held (%llu jobs, %llu calls, %llu events, %.1f s)\n",
              static_cast<unsigned long long>(ran), static_cast<unsigned long long>(options.first),
              static_cast<unsigned long long>(sum.jobs), static_cast<unsigned long long>(sum.calls),
              static_cast<unsigned long long>(sum.events), elapsed());
  return 0;
}

}  // namespace
}  // namespace moa::sim

int main(int argc, char** argv) {
  std::signal(SIGABRT, moa::sim::OnAbort);
  moa::sim::Options options;
  const bool asked = argc == 2 && std::strcmp(argv[1], "--help") == 0;
  if (asked || !moa::sim::Parse(argc, argv, &options)) {
    std::fputs(moa::sim::kUsage, asked ? stdout : stderr);
    return asked ? 0 : 2;
  }
  return options.seed > 0 ? moa::sim::Replay(options) : moa::sim::RunAll(options);
}
