#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/lib/moa_client.h"
#include "tests/cluster/mini_cluster.h"

namespace moa::bench {

// One upstream call as the simulator saw it. Times are CLOCK_MONOTONIC, as MonotonicNs has them.
struct Call {
  std::string mark;     // "[mark NAME]" of the prompt
  std::string digest;   // of the prompt
  std::string outcome;  // running, completed, refused, client_closed, fault
  int64_t status = 0;
  int64_t started_ns = 0;
  int64_t ended_ns = 0;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t generated_tokens = 0;
};

// What the simulator counts; see its /sim/stats.
struct SimulatorStats {
  int64_t requests = 0;
  int64_t admitted = 0;  // past limits and refusals
  int64_t running = 0;
  int64_t connections = 0;  // open, the one that asks included
};

// The programs of a benchmark: a MiniCluster whose simulator keeps many requests, and a client. The
// thread that made it only; client() is for every thread. Throws std::runtime_error.
class BenchCluster {
 public:
  struct Options {
    cluster::Args simulator;  // after --tier unlimited --record 300000
    cluster::Args coordinator;
    cluster::Args worker = {"--slots", "64"};
    int workers = 2;
    // More than 0: so many coordinators, "a", "b" …, on the store that `coordinator` names.
    int replicas = 0;
  };

  // Returns once all workers are connected.
  explicit BenchCluster(const Options& options);

  cluster::MiniCluster& processes() { return processes_; }
  Client& client() { return *client_; }

  // Replaces the faults of the simulator.
  void SetFaults(const std::vector<std::string>& specs);
  void SetLimits(int64_t requests_per_minute, int64_t tokens_per_minute);
  // One call with the workers' key, past the cluster: the simulator then has buckets for it.
  void CallDirectly();
  SimulatorStats Stats();
  // In the order of arrival; of one mark, or all.
  std::vector<Call> Calls(absl::string_view mark = "");

  // The sum of the samples of a gauge of the coordinator; nullopt when it serves none of that name.
  std::optional<double> CoordinatorGauge(absl::string_view name);

 private:
  std::string Control(absl::string_view method, const std::string& path,
                      absl::string_view body = "");

  cluster::MiniCluster processes_;
  std::unique_ptr<Client> client_;
};

// True when the coordinator's --help lists the flag: later versions have more than earlier ones.
bool CoordinatorHas(absl::string_view flag);

int64_t MonotonicNs();

}  // namespace moa::bench
