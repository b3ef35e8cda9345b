// How many submissions a second are acknowledged, each durable, and how long one takes.
//
//   submits [--jobs 4000] [--repeat 5] [--json] [-- FLAGS OF THE COORDINATOR]
//
// A coordinator without workers, so that nothing but acceptance costs; `jobs` submissions of the preset's size by 1, 16
// and 256 clients that each submit the next when the one before is acknowledged. With SQLite (synchronous=FULL) and with a
// PostgreSQL server of its own on the same disk (fsync and synchronous_commit on). Times are those that clients see.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/load.h"
#include "tests/postgres/postgres_server.h"

namespace moa::bench {
namespace {

constexpr int kClients[] = {1, 16, 256};

void MeasureClients(Client& client, int clients, int64_t jobs, const std::string& variant,
                    Report& report) {
  std::atomic<int64_t> next = 0;
  std::atomic<int64_t> refused = 0;
  std::vector<std::vector<double>> took(static_cast<size_t>(clients));
  const int64_t began = MonotonicNs();
  {
    std::vector<std::jthread> threads;
    for (std::vector<double>& own : took) {
      threads.emplace_back([&] {
        for (int64_t n = next++; n < jobs; n = next++) {
          const v1::JobSpec job = MakeJob({}, absl::StrCat("c", clients, ".", n));
          const int64_t submitted = MonotonicNs();
          if (!client.Submit(job).ok()) ++refused;
          own.push_back(static_cast<double>(MonotonicNs() - submitted) / 1e6);
        }
      });
    }
  }
  const double seconds = static_cast<double>(MonotonicNs() - began) / 1e9;
  std::vector<double> all;
  for (const std::vector<double>& own : took) all.insert(all.end(), own.begin(), own.end());
  const std::string name =
      absl::StrCat(variant, ", ", clients, clients == 1 ? " client" : " clients");
  report.Add(name, "acknowledged a second", static_cast<double>(jobs - refused) / seconds);
  report.Add(name, "submission p50, ms", Quantile(all, 0.5));
  report.Add(name, "submission p99, ms", Quantile(all, 0.99));
  report.Add(name, "refused", static_cast<double>(refused), Never());
}

void MeasureStore(const Arguments& arguments, const std::string& variant, cluster::Args store,
                  Report& report) {
  store.insert(store.end(), {"--max-queued-jobs", "1000000"});
  store.insert(store.end(), arguments.coordinator.begin(), arguments.coordinator.end());
  BenchCluster cluster({.simulator = {}, .coordinator = store, .worker = {}, .workers = 0});
  for (const int clients : kClients) {
    // One alone takes as long for a part of them.
    const int64_t jobs = arguments.numbers.at("jobs") / (clients == 1 ? 4 : 1);
    MeasureClients(cluster.client(), clients, jobs, variant, report);
  }
}

Report MeasureSubmits(const Arguments& arguments) {
  Report report("submits", "jobs of 2x3+1, no workers, clients and coordinator on one machine");
  for (int64_t i = 0; i < arguments.repeat; ++i) {
    MeasureStore(arguments, "SQLite", {}, report);
    PostgresServer server;
    server.Stop();
    server.Start({"fsync=on", "full_page_writes=on", "shared_buffers=256MB"});
    MeasureStore(arguments, "PostgreSQL", {"--store", server.NewDatabase()}, report);
  }
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(argc, argv, {{"jobs", 4000}}, moa::bench::MeasureSubmits);
}
