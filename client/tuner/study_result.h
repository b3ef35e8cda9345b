#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/tuner/candidates.h"
#include "client/tuner/leave_one_out.h"
#include "client/tuner/scores.h"
#include "client/tuner/space.h"
#include "moa/v1/job.pb.h"

namespace moa {

struct StudySpent {
  uint64_t trials = 0;  // with a result
  uint64_t failed = 0;  // of those
  uint64_t tokens = 0;  // of rewriting as well, as the next
  double cost_usd = 0;
};

struct RewriteCounts {
  uint64_t asked = 0;
  uint64_t unusable = 0;  // replies
  uint64_t added = 0;     // prompts
  uint64_t dropped = 0;   // edits
};

// A configuration and what is known of it. Scores are points.
struct Standing {
  std::string config{};
  std::map<std::string, std::string> settings{};
  size_t runs = 0;
  double mean = 0;        // of the runs
  Interval interval{};    // 95 %, for the mean
  double expected = 0;    // the mean, drawn towards that of all configurations
  double tokens = 0;      // a run
  double cost_usd = 0;    // a run
  double latency_ms = 0;  // a run
};

// What a study has found, so far or in the end. A value type.
struct StudyResult {
  double max = 0;                  // points; 0: nothing was graded
  std::optional<Standing> best{};  // absent: nothing has run
  std::optional<Standing> base{};
  v1::Moa moa{};  // the best one's
  std::vector<Standing>
      front{};  // no other has a higher expected score for as few tokens; cheapest first
  std::vector<Standing> ranking{};  // all that ran, best expected first
  std::vector<AblatedAgent> agents{};
  StudySpent spent{};
  RewriteCounts rewrites{};
};

// `max` in points: interval ends are kept within 0 and it.
Standing StandingOf(const Space& space, const Candidates& candidates, size_t index, double max);

// Those of `ranking`, best expected first, that no other beats in both; those that ran more than once, where there are
// such. Cheapest first.
std::vector<Standing> ParetoFront(const std::vector<Standing>& ranking);

}  // namespace moa
