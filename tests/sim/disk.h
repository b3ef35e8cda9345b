#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "coordinator/engine/events.h"
#include "coordinator/engine/types.h"
#include "coordinator/scheduler/quota_shares.h"

namespace moa::sim {

// What survives every crash: the truth that the auditor holds everything against. Written by the
// SimStore and, in a cluster, by the members' transactions (SimReplicas). Owner: the Simulation.
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
  int address = -1;  // known from its first renewal on
  uint64_t renewals = 0;
  bool dead = false;        // declared
  bool committing = false;  // a group of its writes is between its begin and its commit
  std::map<QuotaKey, QuotaShareRow> shares{};
};

// What the members know of each other; one that reads it has a copy.
struct Cluster {
  uint64_t version = 0;                      // changes with each change of theirs and each new one
  std::map<uint64_t, DiskMember> members{};  // by epoch
};

struct Disk {
  std::map<JobId, DiskJob> jobs{};
  std::map<std::string, JobId> keys{};
  uint64_t epoch = 0;
  Cluster cluster{};

  bool IsDead(uint64_t member) const {
    const auto it = cluster.members.find(member);
    return it != cluster.members.end() && it->second.dead;
  }
};

}  // namespace moa::sim
