#include "tests/chaos/flags.h"

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/version.h"
#include "common/flags/flags.h"
#include "tests/chaos/fault.h"

namespace moa::chaos {
namespace {

std::string ListOfFaults() {
  std::string list = "Faults:\n";
  for (const FaultKind& kind : AllFaults()) {
    absl::StrAppendFormat(&list, "  %-20s %s\n", kind.name, kind.help);
  }
  return absl::StrCat(list, "\nWhat stands after `--` are further flags of the coordinators.");
}

int Mistake(const std::string& what) {
  std::fprintf(stderr, "moa-chaos: %s\n", what.c_str());
  return 2;
}

std::optional<int> CheckFaults(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    bool known = false;
    for (const FaultKind& kind : AllFaults()) known = known || name == kind.name;
    if (!known) return Mistake("--faults: there is no fault '" + name + "'; --help lists them");
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> ParseFlags(int argc, char** argv, RunOptions* options) {
  FlagSet flags({.name = "moa-chaos",
                 .description =
                     "Runs a cluster of real programs under load, breaks it in every way, "
                     "and audits what is left: exit status 1 when a promise was broken.",
                 .version = MoaVersion(),
                 .env_prefix = "MOA_CHAOS_",
                 .examples = ListOfFaults()});
  ClusterOptions& cluster = options->cluster;
  std::string store = "postgres";
  std::string output = "text";
  auto seed = static_cast<int64_t>(cluster.seed);
  int64_t coordinators = 0, workers = cluster.workers, slots = cluster.slots;
  flags.Group("Load");
  flags.Int("jobs", &options->jobs, "jobs in all", 1, 1'000'000);
  flags.Int("minutes", &options->minutes, "no job begins later", 1, 600);
  flags.Int("concurrency", &options->concurrency, "jobs under way at a time", 1, 1000);
  flags.Double("time-scale", &cluster.time_scale,
               "of the simulator: calls take so many times the service's own times", 0, 100);
  flags.Group("Cluster");
  flags.Choice("store", &store, {"postgres", "sqlite"}, "where coordinators keep jobs");
  flags.Int("coordinators", &coordinators, "0: three on PostgreSQL, one on SQLite", 0, 9);
  flags.Int("workers", &workers, "worker processes", 1, 32);
  flags.Int("slots", &slots, "calls at once of each worker", 1, 10'000);
  flags.Duration("lease", &cluster.lease, "of several coordinators", absl::Seconds(1),
                 absl::Minutes(1));
  flags.Bool("fsync", &cluster.fsync, "PostgreSQL waits for the disk");
  flags.Bool("namespaces", &options->namespaces,
             "each program in a network namespace of its own, where that is allowed");
  flags.Bool("proxies", &cluster.proxies, "proxies in the connections: for delay, stall and close");
  flags.Group("Faults");
  flags.Int("seed", &seed, "what goes wrong, and when, is drawn from it");
  flags.List("faults", &options->faults, "kinds, see below; none named: all that are possible");
  flags.Duration("calm", &options->calm, "before the first fault");
  flags.Duration("pause", &options->pause, "between two, at most; at least half of it");
  flags.Int("rounds", &options->rounds, "times that each kind strikes at most; 0: without end", 0,
            1000);
  flags.Group("Report");
  flags.Choice("output", &output, {"text", "json"}, "also -o");
  flags.Bool("keep", &options->keep, "keep the logs of a clean run too");
  // `-o` is everywhere the form of what is printed; what follows `--` is not ours.
  std::vector<const char*> own;
  bool further = false;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    if (further) {
      cluster.coordinator_flags.push_back(word);
    } else if (word == "--") {
      further = true;
    } else {
      own.push_back(word == "-o" ? "--output" : argv[i]);
    }
  }
  if (const auto status = flags.ParseOrExit(static_cast<int>(own.size()), own.data())) {
    return status;
  }
  cluster.store = store == "sqlite" ? StoreKind::kSqlite : StoreKind::kPostgres;
  if (coordinators == 0) coordinators = cluster.store == StoreKind::kSqlite ? 1 : 3;
  if (coordinators > 1 && cluster.store == StoreKind::kSqlite) {
    return Mistake("--coordinators: an SQLite store is one coordinator's");
  }
  cluster.seed = static_cast<uint64_t>(seed);
  cluster.coordinators = static_cast<int>(coordinators);
  cluster.workers = static_cast<int>(workers);
  cluster.slots = static_cast<int>(slots);
  options->json = output == "json";
  return CheckFaults(options->faults);
}

}  // namespace moa::chaos
