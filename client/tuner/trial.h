#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "moa/v1/job.pb.h"

namespace moa {

// Why a configuration is run.
enum class Purpose {
  kNew,      // for the first time
  kRepeat,   // it was among the better ones
  kConfirm,  // it may be the best
  kAblate,   // the best one without an agent, and the best itself for comparison
};

// One graded run of a configuration: what is handed out, and what --trials counts. A value type.
struct Trial {
  uint64_t number = 0;   // from 1 on
  std::string config{};  // the configuration's key
  // The same for run n of every configuration, so that all draw alike.
  uint64_t seed = 0;
  Purpose purpose = Purpose::kNew;
  v1::Moa moa{};
};

struct CheckScore {
  std::string id{};
  double score = 0;
  double max = 0;
  std::string detail{};
};

// What came of a trial. One that failed has no points: a configuration that yields no answer is worth nothing. What is not
// the configuration's fault (a cluster out of reach) is no result.
struct TrialResult {
  uint64_t trial = 0;
  std::string failure{};  // empty: it was graded
  double score = 0;
  double max = 0;                    // positive where it was graded
  std::vector<CheckScore> checks{};  // in the grader's order
  uint64_t tokens = 0;
  double cost_usd = 0;
  double latency_ms = 0;
  std::string job_id{};  // for people

  double share() const { return failure.empty() ? score / max : 0; }
};

}  // namespace moa
