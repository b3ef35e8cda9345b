#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/fault.h"
#include "tests/chaos/history.h"

namespace moa::chaos {

// Draws what goes wrong, and when: one fault after another, each kind once before any comes again, with pauses in
// which throughput can come back. A function of the seed, as far as times are.
//
// Owner: the run. Used by the cluster's thread.
class Director {
 public:
  struct Options {
    std::vector<std::string> kinds;          // names; empty: all that the cluster can have
    absl::Duration calm = absl::Seconds(8);  // before the first
    // Between two: from the end of one, drawn between half of it and all.
    absl::Duration pause = absl::Seconds(12);
    int64_t rounds = 0;  // each kind strikes so many times at most; 0: without end
    uint64_t seed = 1;
  };

  Director(ChaosCluster& cluster, const Options& options);

  // Strikes and undoes what is due. Call it often.
  void Step(absl::Time now);
  // Undoes what there is; nothing strikes any more.
  void Stop();

  const std::vector<FaultRecord>& records() const { return records_; }
  // Kinds that were asked for and cannot be had, each with the reason.
  const std::vector<std::pair<std::string, std::string>>& left_out() const { return left_out_; }

 private:
  void Strike(absl::Time now);
  void End(absl::Time now);

  ChaosCluster& cluster_;
  const Options options_;
  Random random_;
  std::vector<FaultKind> kinds_;
  int64_t rounds_ = 0;        // begun
  std::vector<size_t> deck_;  // positions in kinds_, the next one last
  std::vector<std::pair<std::string, std::string>> left_out_;
  absl::Time next_;
  absl::Time until_;
  std::unique_ptr<Fault> active_;
  std::vector<FaultRecord> records_;
};

}  // namespace moa::chaos
