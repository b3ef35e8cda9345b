// How long a coordinator that died with many unfinished jobs takes to be back at full speed.
//
//   restart [--jobs 100000] [--repeat 5] [--json] [-- FLAGS OF THE COORDINATOR]
//
// `jobs` jobs of 2x3+1 are accepted while there is no worker; the coordinator is killed, two workers of 64 slots are
// started, then the coordinator at its old address. Counted from the start of its process. The simulator answers without
// delay, so that full speed is what the machine can do: 9 tenths of the median of the calls a second from 15 s on.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
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

constexpr int kClients = 64;
constexpr double kFullSpeed = 0.9;
constexpr int64_t kWindowNs = 500'000'000;
constexpr int64_t kSteadyFromNs = 15'000'000'000;
constexpr int64_t kEndNs = 25'000'000'000;

void Fill(Client& client, int64_t jobs) {
  std::atomic<int64_t> next = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&] {
      for (int64_t n = next++; n < jobs; n = next++) {
        const auto submitted = client.Submit(MakeJob({}, absl::StrCat("j", n)));
        if (!submitted.ok()) throw std::runtime_error(std::string(submitted.status().message()));
      }
    });
  }
}

struct Sample {
  int64_t ns = 0;  // since the start
  int64_t calls = 0;
};

// Calls a second in each window, by the time of its end.
std::vector<std::pair<int64_t, double>> Rates(const std::vector<Sample>& samples) {
  std::vector<std::pair<int64_t, double>> rates;
  for (size_t i = 1; i < samples.size(); ++i) {
    const double seconds = static_cast<double>(samples[i].ns - samples[i - 1].ns) / 1e9;
    rates.emplace_back(samples[i].ns,
                       static_cast<double>(samples[i].calls - samples[i - 1].calls) / seconds);
  }
  return rates;
}

void Measure(const Arguments& arguments, const std::string& variant, cluster::Args store,
             Report& report) {
  store.insert(store.end(), {"--max-queued-jobs", "10000000", "--max-queued-bytes", "17179869184"});
  store.insert(store.end(), arguments.coordinator.begin(), arguments.coordinator.end());
  BenchCluster cluster(
      {.simulator = {"--time-scale", "0"}, .coordinator = store, .worker = {}, .workers = 0});
  Fill(cluster.client(), arguments.numbers.at("jobs"));
  cluster.processes().coordinator().Kill();
  for (const char* name : {"one", "two"}) {
    cluster.processes().StartWorker(name, {"--slots", "64"});
  }
  const int64_t began = MonotonicNs();
  cluster.processes().StartCoordinator(store);
  report.Add(variant, "until it listens, s", static_cast<double>(MonotonicNs() - began) / 1e9);
  std::vector<Sample> samples;
  while (samples.empty() || samples.back().ns < kEndNs) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(kWindowNs));
    samples.push_back({.ns = MonotonicNs() - began, .calls = cluster.Stats().requests});
  }
  std::vector<double> steady;
  const auto rates = Rates(samples);
  for (const auto& [ns, rate] : rates) {
    if (ns >= kSteadyFromNs) steady.push_back(rate);
  }
  const double full = Quantile(steady, 0.5);
  report.Add(variant, "calls a second then", full);
  const auto reached = std::find_if(rates.begin(), rates.end(), [&](const auto& rate) {
    return full > 0 && rate.second >= kFullSpeed * full;
  });
  if (reached == rates.end()) return report.Missing(variant, "until full speed, s", "not reached");
  report.Add(variant, "until full speed, s", static_cast<double>(reached->first) / 1e9, AtMost(10));
}

Report MeasureRestart(const Arguments& arguments) {
  Report report("restart", absl::StrCat(arguments.numbers.at("jobs"), " unfinished jobs of 2x3+1"));
  for (int64_t i = 0; i < arguments.repeat; ++i) {
    Measure(arguments, "SQLite", {}, report);
    PostgresServer server;
    server.Stop();
    server.Start({"fsync=on", "full_page_writes=on", "shared_buffers=256MB"});
    Measure(arguments, "PostgreSQL", {"--store", server.NewDatabase()}, report);
  }
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(argc, argv, {{"jobs", 100'000}}, moa::bench::MeasureRestart);
}
