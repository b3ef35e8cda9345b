#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/audit.h"
#include "tests/chaos/chaos_cluster.h"
#include "tests/chaos/history.h"
#include "tests/chaos/rates.h"

namespace moa::chaos {

struct RunOptions {
  ClusterOptions cluster;
  int64_t jobs = 20'000;
  int64_t minutes = 30;             // of load at most
  int64_t concurrency = 32;         // jobs under way
  std::vector<std::string> faults;  // names; empty: all
  absl::Duration calm = absl::Seconds(8);
  absl::Duration pause = absl::Seconds(12);
  int64_t rounds = 0;      // see Director
  bool namespaces = true;  // where they are allowed
  bool json = false;
  bool keep = false;  // the logs, also of a clean run
};

// What one run came to.
struct Outcome {
  std::string conditions;  // in a line
  double seconds = 0;
  std::vector<std::pair<std::string, std::string>> left_out;  // faults, and why
  std::vector<std::string> stubborn;            // programs that did not end on SIGTERM
  std::map<std::string, int64_t> unasked_ends;  // "coordinator-1, status 1": how often
  double cpu_share = 0;                         // of the machine's, by everybody on it
  double own_cpu_share = 0;                     // by this run's processes
  double target_s = 0;                          // for a recovery
  Audit audit;
  Rates rates;
  std::vector<FaultRecord> faults;
  std::string kept;  // where the logs are, if they are kept

  bool ok() const { return audit.clean() && stubborn.empty(); }
};

// Starts a cluster, gives it work, breaks it, and audits what is left. Throws std::runtime_error when that cannot be
// done. REQUIRES: the process has one thread.
Outcome Run(const RunOptions& options);

}  // namespace moa::chaos
