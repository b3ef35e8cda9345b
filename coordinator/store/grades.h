#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "common/base/strong_id.h"

namespace moa {

// What a job found that graded another one. Kept beside that job, and deleted with it.
struct StoredGrade {
  JobId id;      // of the job that graded
  JobId graded;  // of the other one, whose name, configuration and figures these are:
  Tenant tenant;
  std::string grader;
  std::string name;
  std::string config;
  uint32_t total = 0;
  uint32_t max = 0;
  absl::Time ended;
  uint64_t tokens = 0;
  uint32_t calls = 0;
  uint64_t cost_nano_usd = 0;
  absl::Duration latency;
  friend bool operator==(const StoredGrade&, const StoredGrade&) = default;
};

// "" is any.
struct GradeQuery {
  std::string tenant;
  std::string grader;
  std::string config;
  size_t limit = 50;
  // Grades strictly older than this (ended, id) pair, which is the last one of the page before.
  std::optional<std::pair<absl::Time, JobId>> before;
};

// The grades of one configuration under one name.
struct LeaderboardEntry {
  std::string name;
  std::string config;
  uint64_t attempts = 0;
  uint64_t total_sum = 0;
  uint32_t best = 0;
  uint32_t max = 0;
  JobId best_graded;  // the first that came to `best`
  absl::Time last;
  uint64_t tokens_sum = 0;
  uint64_t cost_nano_usd_sum = 0;
  friend bool operator==(const LeaderboardEntry&, const LeaderboardEntry&) = default;
};

}  // namespace moa
