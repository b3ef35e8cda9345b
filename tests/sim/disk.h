#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/types.h"
#include "coordinator/scheduler/quota_shares.h"

namespace moa::sim {

// What survives every crash: the truth that the auditor holds everything against. Written by the
// SimStore and, in a cluster, by the members' transactions (SimMember). Owner: the Simulation.
struct DiskJob {
  std::string key{};          // idempotency key
  uint64_t request_hash = 0;  // of the job
  JobSpec spec{};             // normalised
  std::vector<Record> records{};
  uint64_t owner = 0;  // epoch; 0: nobody, of a job that was given up

  bool terminal() const {
    return !records.empty() && std::holds_alternative<JobEnded>(records.back().what);
  }
};

// A coordinator process of a cluster.
struct DiskMember {
  int address = 0;
  absl::Time lease_ends{};      // by the store's clock
  absl::Time renewing_since{};  // without a break, by the same
  bool dead = false;            // declared
  std::vector<QuotaShareRow> shares{};
};

struct Disk {
  std::map<JobId, DiskJob> jobs{};
  std::map<std::string, JobId> keys{};
  uint64_t epoch = 0;
  std::map<uint64_t, DiskMember> members{};  // by epoch
  absl::Duration clock_ahead{};              // of the store's clock
  absl::Time clock_moved = absl::InfinitePast();

  bool IsDead(uint64_t member) const {
    const auto it = members.find(member);
    return it != members.end() && it->second.dead;
  }
};

}  // namespace moa::sim
