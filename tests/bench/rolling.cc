// What clients notice when every program is restarted in turn under load, as for a new version.
//
//   rolling [--seconds 60] [--clients 32] [--repeat 5] [--json] [-- FLAGS OF THE COORDINATOR]
//
// Clients that each submit a job of 1x3+1, watch it to its end and submit the next, through the client library, which
// repeats what nobody answered. 2 workers of 64 slots, a simulator at its own speed. At even distances each coordinator
// and then each worker gets SIGTERM and is started again at once when it has ended. On PostgreSQL 2 coordinators; on
// SQLite one, whose jobs wait meanwhile.
//
//   failed          jobs whose Submit or Watch did not return OK, or that did not succeed
//   repeated        calls that the simulator saw beyond one for each task
//   latency         from before Submit until the end was heard of; during: a restart was under way at some time of it

#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/load.h"
#include "tests/postgres/postgres_server.h"

namespace moa::bench {
namespace {

const cluster::Args kWorker = {"--slots", "64"};

JobShape Shape() { return {.layers = 1, .agents = 3, .max_completion_tokens = 400}; }

// A restart, from the signal until the program serves again.
struct Outage {
  std::string name;
  int64_t began_ns = 0;
  int64_t ended_ns = 0;
};

void SleepUntil(int64_t ns) {
  std::this_thread::sleep_for(std::chrono::nanoseconds(std::max<int64_t>(ns - MonotonicNs(), 0)));
}

// Restarts `coordinators` (none: the one without replicas), then the workers, spread over `seconds`.
std::vector<Outage> RestartAll(BenchCluster& cluster, const std::vector<std::string>& coordinators,
                               const cluster::Args& coordinator, int64_t seconds) {
  cluster::MiniCluster& processes = cluster.processes();
  std::vector<std::string> names = coordinators;
  if (names.empty()) names = {"coordinator"};
  names.insert(names.end(), {"worker-1", "worker-2"});
  const int64_t began = MonotonicNs();
  const int64_t step = seconds * 1'000'000'000 / static_cast<int64_t>(names.size() + 1);
  std::vector<Outage> outages;
  for (const std::string& name : names) {
    SleepUntil(began + step * static_cast<int64_t>(outages.size() + 1));
    Outage outage = {.name = name, .began_ns = MonotonicNs()};
    const int status = processes.process(name).Terminate();
    if (status != 0) throw std::runtime_error(absl::StrCat(name, " ended with ", status));
    if (name == "coordinator") {
      processes.StartCoordinator(coordinator);
    } else if (name.size() == 1) {
      processes.StartReplica(name, coordinator);
    } else {
      processes.StartWorker(name, kWorker);
    }
    processes.WaitForWorkers(2);
    outage.ended_ns = MonotonicNs();
    outages.push_back(std::move(outage));
  }
  return outages;
}

int64_t Repeated(const std::vector<Call>& calls, const std::vector<JobOutcome>& outcomes) {
  std::map<std::string, int64_t> by_job;
  for (const Call& call : calls) ++by_job[call.mark];
  int64_t repeated = 0;
  for (const JobOutcome& outcome : outcomes) {
    repeated += std::max<int64_t>(by_job[outcome.mark] - Shape().calls(), 0);
  }
  return repeated;
}

void ReportLatencies(const std::vector<JobOutcome>& outcomes, const std::vector<Outage>& outages,
                     const std::string& variant, Report& report) {
  std::vector<double> outside;
  std::vector<double> during;
  for (const JobOutcome& outcome : outcomes) {
    if (outcome.state != v1::JOB_STATE_SUCCEEDED) continue;
    const bool met = std::any_of(outages.begin(), outages.end(), [&](const Outage& outage) {
      return outcome.submitted_ns < outage.ended_ns && outcome.ended_ns > outage.began_ns;
    });
    const double ms = static_cast<double>(outcome.ended_ns - outcome.submitted_ns) / 1e6;
    (met ? during : outside).push_back(ms);
  }
  for (const auto& [name, latencies] :
       {std::pair("outside", outside), std::pair("during", during)}) {
    report.Add(variant, absl::StrCat("jobs, ", name), static_cast<double>(latencies.size()));
    report.Add(variant, absl::StrCat("latency p50, ms, ", name), Quantile(latencies, 0.5));
    report.Add(variant, absl::StrCat("latency p99, ms, ", name), Quantile(latencies, 0.99));
    report.Add(variant, absl::StrCat("latency max, ms, ", name), Quantile(latencies, 1));
  }
}

void Measure(const Arguments& arguments, const std::string& variant, cluster::Args store,
             int replicas, Report& report) {
  store.insert(store.end(), {"--hedge=false"});
  store.insert(store.end(), arguments.coordinator.begin(), arguments.coordinator.end());
  BenchCluster cluster({.simulator = {},
                        .coordinator = store,
                        .worker = kWorker,
                        .workers = 2,
                        .replicas = replicas});
  std::vector<std::string> names;
  for (int i = 0; i < replicas; ++i) names.emplace_back(1, static_cast<char>('a' + i));
  const int64_t seconds = arguments.numbers.at("seconds");
  std::vector<JobOutcome> outcomes;
  std::vector<Outage> outages;
  {
    std::jthread clients([&] {
      outcomes = RunJobs(cluster.client(), {.jobs = 1'000'000,
                                            .concurrency = arguments.numbers.at("clients"),
                                            .submit_for = absl::Seconds(seconds),
                                            .make = [](int64_t, const std::string& mark) {
                                              return MakeJob(Shape(), mark);
                                            }});
    });
    outages = RestartAll(cluster, names, store, seconds);
  }
  report.Add(variant, "failed", static_cast<double>(Failures(outcomes)), Never());
  report.Add(variant, "repeated", static_cast<double>(Repeated(cluster.Calls(), outcomes)),
             Never());
  ReportLatencies(outcomes, outages, variant, report);
  for (const Outage& outage : outages) {
    report.Add(variant, absl::StrCat("restart of ", outage.name, ", s"),
               static_cast<double>(outage.ended_ns - outage.began_ns) / 1e9);
  }
}

Report MeasureRolling(const Arguments& arguments) {
  Report report("rolling",
                absl::StrCat(arguments.numbers.at("clients"), " clients with jobs of 1x3+1, ",
                             arguments.numbers.at("seconds"), " s"));
  for (int64_t i = 0; i < arguments.repeat; ++i) {
    PostgresServer server;
    Measure(arguments, "PostgreSQL", {"--store", server.NewDatabase()}, 2, report);
    Measure(arguments, "SQLite", {}, 0, report);
  }
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(argc, argv, {{"seconds", 60}, {"clients", 32}},
                                  moa::bench::MeasureRolling);
}
