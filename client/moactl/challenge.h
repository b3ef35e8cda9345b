#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/moactl/styled_text.h"
#include "common/grading/grader.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// What runs of the challenge came to, and how it is shown. Pure.

// One job and its grade.
struct Attempt {
  std::string job_id{};
  std::string grading_job_id{};
  std::optional<Grade> grade{};
  std::string error{};  // why there is none
  uint64_t tokens = 0;
  uint32_t calls = 0;
  double cost_usd = 0;
  uint64_t latency_ms = 0;
};

// The attempts of one configuration.
struct Configuration {
  std::string name{};
  std::string file{};  // empty: a preset
  std::vector<Attempt> attempts{};

  size_t graded() const;
  // Of those that were graded; 0 where none was.
  double mean() const;
  double deviation() const;     // of a sample: 0 for fewer than two
  const Attempt* best() const;  // null where none was graded
};

// Best mean first; of equals the cheaper one, then by name.
void Rank(std::vector<Configuration>* configurations);

// The checks of one grade, with what their calls did.
std::vector<StyledLine> GradeLines(const Grade& grade);
// What its attempts came to; of several, each and the checks' means.
std::vector<StyledLine> RunLines(const Configuration& configuration);
std::vector<StyledLine> RankingLines(const std::vector<Configuration>& ranked);
std::vector<StyledLine> LeaderboardLines(const std::vector<v1::LeaderboardRow>& rows);

// total, max, grade, reason?, checks of the best attempt; then name, file?, mean, deviation, attempts.
std::string RunJson(const Configuration& configuration);
// {"configurations":[…]}, each as RunJson with its rank.
std::string RankingJson(const std::vector<Configuration>& ranked);
// A line for each attempt under a line of names: rank, configuration, file, attempt, total, max, grade, tokens, calls,
// cost_usd, latency_ms, job_id, error and the checks.
std::string RankingCsv(const std::vector<Configuration>& ranked);

}  // namespace moa
