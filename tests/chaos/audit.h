#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/chaos/history.h"

namespace moa::chaos {

// The rules of which a run is to break none.
//
//   lost           an acknowledged job is not there, has no end, or its client never got one
//   failed         it ended otherwise than SUCCEEDED, or degraded, while nothing struck the provider
//   duplicate      a second job of a key, a second terminal event, a second result of a task
//   sequence       the numbers of a job's events are not 1, 2, … n, or the end is not the last
//   wrong answer   an answer is not the one that the provider gave to the very prompt that the job's records call for
//   watch          a watcher missed a durable event, or got one twice
//   repeated call  more calls beyond one a task than were under way when faults struck
//   crash          a program ended by a signal that nobody sent it
struct Finding {
  std::string rule;
  std::string job;  // its id, or what else it is about
  std::string what;
};

// What the faults of one kind cost in calls.
struct RepeatedCalls {
  int64_t repeated = 0;  // calls beyond one a task, by the last fault before them
  int64_t exposed = 0;   // calls under way when one struck, or what it struck came back
};

struct Audit {
  std::vector<Finding> findings;          // the first kFindingsMax of each rule
  std::map<std::string, int64_t> counts;  // of all findings, by rule; every rule is there
  int64_t jobs = 0;
  int64_t failed_rightly =
      0;  // not SUCCEEDED, or degraded, and a fault of the provider's fell into its life
  int64_t answers_checked = 0;
  int64_t events_watched = 0;
  int64_t watch_connections = 0;
  int64_t calls = 0;
  int64_t repeated = 0;
  int64_t exposed = 0;
  std::map<std::string, RepeatedCalls> by_fault;  // "" : before any

  bool clean() const { return findings.empty(); }
};

inline constexpr int64_t kFindingsMax = 10;

// Pure: the same history, the same findings. It believes nobody: it sets what clients heard, what the store holds and
// what the provider saw against each other.
Audit CheckHistory(const History& history);

}  // namespace moa::chaos
