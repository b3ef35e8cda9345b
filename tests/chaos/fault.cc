#include "tests/chaos/fault.h"

namespace moa::chaos {

std::vector<FaultKind> AllFaults() {
  std::vector<FaultKind> all;
  for (const auto& family :
       {ProcessFaults(), PostgresFaults(), NetworkFaults(), LinkFaults(), DiskFaults()}) {
    all.insert(all.end(), family.begin(), family.end());
  }
  return all;
}

absl::Duration DrawDuration(Random& random, absl::Duration low, absl::Duration high) {
  return low + random.Real() * (high - low);
}

std::string Possible(ChaosCluster&) { return ""; }

std::string NeedsPostgres(ChaosCluster& cluster) {
  return cluster.postgres() == nullptr ? "the store is SQLite" : "";
}

}  // namespace moa::chaos
