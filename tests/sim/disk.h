#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "coordinator/engine/events.h"
#include "coordinator/engine/types.h"

namespace moa::sim {

// What survives every crash: the truth that the auditor holds everything against. Written by the
// SimStore alone. Owner: the Simulation.
struct DiskJob {
  std::string key{};          // idempotency key
  uint64_t request_hash = 0;  // of the job
  JobSpec spec{};             // normalised
  std::vector<Record> records{};

  bool terminal() const {
    return !records.empty() && std::holds_alternative<JobEnded>(records.back().what);
  }
};

struct Disk {
  std::map<JobId, DiskJob> jobs{};
  std::map<std::string, JobId> keys{};
  uint64_t epoch = 0;
};

}  // namespace moa::sim
