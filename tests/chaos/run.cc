#include "tests/chaos/run.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/chaos/chaos_job.h"
#include "tests/chaos/director.h"
#include "tests/chaos/evidence.h"
#include "tests/chaos/load.h"

namespace moa::chaos {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(20);   // between two looks at the programs
constexpr absl::Duration kJobPatience = absl::Minutes(2);  // see LoadOptions
constexpr absl::Duration kRecoveryBeyondLease = absl::Seconds(5);
constexpr int kFetchers = 8;

// A folder of its own, removed at the end unless it is to be kept.
class Folder {
 public:
  Folder() {
    const char* base = std::getenv("TMPDIR");
    path_ = absl::StrCat(base == nullptr ? "/tmp" : base, "/moa-chaos-XXXXXX");
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no directory for the run");
    // Its table space is PostgreSQL's, which runs as another user.
    std::filesystem::permissions(path_, std::filesystem::perms::others_exec,
                                 std::filesystem::perm_options::add);
  }
  ~Folder() {
    std::error_code ignored;
    if (!kept_) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  void Keep() { kept_ = true; }

 private:
  std::string path_;
  bool kept_ = false;
};

struct CpuTime {
  int64_t busy = 0;
  int64_t all = 0;

  static CpuTime Now() {
    CpuTime time;
    const std::string stat = cluster::ReadFile("/proc/stat");
    const std::vector<std::string> fields =
        absl::StrSplit(stat.substr(0, stat.find('\n')), ' ', absl::SkipEmpty());
    for (size_t i = 1; i < fields.size(); ++i) {
      int64_t ticks = 0;
      if (!absl::SimpleAtoi(fields[i], &ticks)) continue;
      time.all += ticks;
      if (i != 4 && i != 5) time.busy += ticks;  // idle, iowait
    }
    return time;
  }
};

// Of this process and all that it has waited for.
double OwnCpuSeconds() {
  double seconds = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    seconds += absl::ToDoubleSeconds(absl::DurationFromTimeval(usage.ru_utime) +
                                     absl::DurationFromTimeval(usage.ru_stime));
  }
  return seconds;
}

std::vector<std::string> AddressesOf(ChaosCluster& cluster) {
  std::vector<std::string> addresses;
  for (const auto& coordinator : cluster.coordinators()) {
    addresses.push_back(coordinator->address());
  }
  return addresses;
}

// Each acknowledged job as the coordinators tell it, any of them.
std::vector<FetchedJob> FetchAll(const std::vector<std::string>& addresses,
                                 const std::vector<ClientJob>& jobs) {
  std::vector<std::unique_ptr<CoordinatorClient>> clients;
  for (const std::string& address : addresses) {
    clients.push_back(std::make_unique<CoordinatorClient>(address));
  }
  std::vector<FetchedJob> fetched(jobs.size());
  std::atomic<size_t> next = 0;
  const auto fetch = [&] {
    for (size_t i = next++; i < jobs.size(); i = next++) {
      if (jobs[i].id.empty()) continue;
      constexpr size_t kTries = 100;
      for (size_t tries = 0; tries < kTries; ++tries) {
        const auto job = clients[(i + tries) % clients.size()]->Get(jobs[i].id);
        if (job.ok()) {
          fetched[i] = ReadFetched(jobs[i].number, *job);
          break;
        }
        fetched[i] = {.id = jobs[i].id, .trouble = job.status().ToString()};
        clients[(i + tries + 1) % clients.size()]->Pause();
      }
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < kFetchers; ++i) threads.emplace_back(fetch);
  threads.clear();
  return fetched;
}

std::string ConditionsOf(const RunOptions& options, bool hosts) {
  const ClusterOptions& cluster = options.cluster;
  const bool postgres = cluster.store == StoreKind::kPostgres;
  return absl::StrCat(
      "seed ", cluster.seed, ", ", cluster.coordinators, " coordinators on ",
      postgres ? cluster.fsync ? "PostgreSQL (fsync on)" : "PostgreSQL (fsync off)" : "SQLite",
      ", ", cluster.workers, " workers of ", cluster.slots, " slots, ", options.concurrency,
      " jobs under way, calls at ", cluster.time_scale, " x the service's times, ",
      hosts ? "each program in a network namespace of its own" : "all on loopback");
}

void CollectEnds(ChaosCluster& cluster, History& history, Outcome& outcome) {
  for (Node* node : cluster.nodes()) {
    for (const Node::Ended& end : node->ended_by_itself()) {
      history.ends.push_back({end.node, end.status, end.last_words});
      ++outcome.unasked_ends[absl::StrCat(end.node, ", status ", end.status)];
    }
  }
}

// The time in which things go wrong. Returns when every job is through.
std::vector<ClientJob> Play(const RunOptions& options, ChaosCluster& cluster, Director& director,
                            Outcome& outcome, int64_t& load_end_us) {
  Load load({.coordinators = AddressesOf(cluster),
             .jobs = options.jobs,
             .submit_for = absl::Minutes(options.minutes),
             .concurrency = static_cast<int>(options.concurrency),
             .patience = kJobPatience,
             .seed = options.cluster.seed});
  const CpuTime before = CpuTime::Now();
  absl::Time next_word = absl::Now() + absl::Seconds(10);
  while (load.Running()) {
    const absl::Time now = absl::Now();
    cluster.Supervise();
    if (load.Beginning()) {
      director.Step(now);
      load_end_us = absl::ToUnixMicros(now);
    } else {
      director.Stop();
    }
    if (now >= next_word) {
      std::fprintf(stderr, "%ld jobs have ended\n", static_cast<long>(load.Ended()));
      next_word = now + absl::Seconds(10);
    }
    absl::SleepFor(kLook);
  }
  director.Stop();
  const CpuTime after = CpuTime::Now();
  outcome.cpu_share = static_cast<double>(after.busy - before.busy) /
                      static_cast<double>(std::max<int64_t>(after.all - before.all, 1));
  return load.Take();
}

// FetchAll in a thread, while this one goes on supervising.
std::vector<FetchedJob> FetchSupervised(ChaosCluster& cluster, const std::vector<ClientJob>& jobs) {
  std::vector<FetchedJob> fetched;
  std::atomic<bool> done = false;
  std::jthread fetching([&] {
    fetched = FetchAll(AddressesOf(cluster), jobs);
    done.store(true);
  });
  while (!done.load()) {
    cluster.Supervise();
    absl::SleepFor(kLook);
  }
  fetching.join();
  return fetched;
}

Outcome RunIn(Folder& folder, const RunOptions& options) {
  Outcome outcome;
  std::string why_no_network = "not wanted";
  std::unique_ptr<Network> network;
  if (options.namespaces) network = Network::Create(folder.path(), &why_no_network);
  if (network == nullptr)
    std::fprintf(stderr, "no hosts of their own: %s\n", why_no_network.c_str());
  outcome.conditions = ConditionsOf(options, network != nullptr);
  std::fprintf(stderr, "%s\nlogs in %s\n", outcome.conditions.c_str(), folder.path().c_str());

  ClusterOptions cluster_options = options.cluster;
  cluster_options.dir = folder.path();
  ChaosCluster cluster(cluster_options, network.get());
  Director director(cluster, {.kinds = options.faults,
                              .calm = options.calm,
                              .pause = options.pause,
                              .rounds = options.rounds,
                              .seed = options.cluster.seed});
  outcome.left_out = director.left_out();
  History history;
  const int64_t begin_us = absl::ToUnixMicros(absl::Now());
  int64_t load_end_us = begin_us;
  history.jobs = Play(options, cluster, director, outcome, load_end_us);
  outcome.seconds = static_cast<double>(absl::ToUnixMicros(absl::Now()) - begin_us) / 1e6;
  std::fprintf(stderr, "fetching %zu jobs\n", history.jobs.size());
  history.fetched = FetchSupervised(cluster, history.jobs);
  outcome.stubborn = cluster.Shutdown();
  CollectEnds(cluster, history, outcome);
  history.stored = cluster.postgres() == nullptr ? ReadSqliteStore(cluster.sqlite_path())
                                                 : ReadPostgresStore(cluster.database_url());
  history.calls = ReadJournal(cluster.journal_path());
  history.faults = director.records();

  outcome.audit = CheckHistory(history);
  std::vector<int64_t> ends;
  for (const ClientJob& job : history.jobs) {
    if (job.ended_us != 0) ends.push_back(job.ended_us);
  }
  outcome.rates = MeasureRates(std::move(ends), history.faults, begin_us, load_end_us);
  outcome.target_s = absl::ToDoubleSeconds(options.cluster.lease + kRecoveryBeyondLease);
  outcome.faults = std::move(history.faults);
  if (!outcome.ok() && cluster.postgres() == nullptr && cluster.disk() != nullptr) {
    // It is in memory, and would be gone with the mount.
    std::error_code ignored;
    std::filesystem::copy_file(cluster.sqlite_path(), folder.path() + "/jobs.db", ignored);
  }
  return outcome;
}

}  // namespace

Outcome Run(const RunOptions& options) {
  Folder folder;
  const absl::Time begin = absl::Now();
  Outcome outcome = RunIn(folder, options);
  // PostgreSQL has ended only now, and with it the last whose time is counted.
  outcome.own_cpu_share = OwnCpuSeconds() / absl::ToDoubleSeconds(absl::Now() - begin) /
                          static_cast<double>(std::thread::hardware_concurrency());
  if (options.keep || !outcome.ok()) {
    folder.Keep();
    outcome.kept = folder.path();
  }
  return outcome;
}

}  // namespace moa::chaos
