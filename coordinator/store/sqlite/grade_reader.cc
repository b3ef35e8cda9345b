#include "coordinator/store/sqlite/grade_reader.h"

#include <algorithm>
#include <limits>

#include "common/base/status_macros.h"

namespace moa {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

int64_t Bounded(size_t limit) {
  return static_cast<int64_t>(std::min<uint64_t>(limit, static_cast<uint64_t>(kMax)));
}

}  // namespace

absl::StatusOr<std::vector<StoredGrade>> ListGrades(Database& database, const GradeQuery& query) {
  MOA_ASSIGN_OR_RETURN(
      Statement list,
      Statement::Prepare(
          database,
          "SELECT id, graded, tenant, grader, name, config, total, points_max, ended_ns,"
          " tokens, calls, cost_nano_usd, latency_us FROM grades"
          " WHERE (?1 = '' OR tenant = ?1) AND (?2 = '' OR grader = ?2)"
          " AND (?3 = '' OR config = ?3) AND (ended_ns, id) < (?4, ?5)"
          " ORDER BY ended_ns DESC, id DESC LIMIT ?6"));
  list.BindText(1, query.tenant);
  list.BindText(2, query.grader);
  list.BindText(3, query.config);
  list.BindInteger(4, query.before ? absl::ToUnixNanos(query.before->first) : kMax);
  list.BindText(
      5, query.before ? absl::string_view(query.before->second.value()) : absl::string_view());
  list.BindInteger(6, Bounded(query.limit));
  std::vector<StoredGrade> grades;
  while (true) {
    MOA_ASSIGN_OR_RETURN(const bool found, list.Step());
    if (!found) return grades;
    grades.push_back({.id = JobId(list.Bytes(0)),
                      .graded = JobId(list.Bytes(1)),
                      .tenant = Tenant(list.Bytes(2)),
                      .grader = std::string(list.Bytes(3)),
                      .name = std::string(list.Bytes(4)),
                      .config = std::string(list.Bytes(5)),
                      .total = static_cast<uint32_t>(list.Integer(6)),
                      .max = static_cast<uint32_t>(list.Integer(7)),
                      .ended = absl::FromUnixNanos(list.Integer(8)),
                      .tokens = static_cast<uint64_t>(list.Integer(9)),
                      .calls = static_cast<uint32_t>(list.Integer(10)),
                      .cost_nano_usd = static_cast<uint64_t>(list.Integer(11)),
                      .latency = absl::Microseconds(list.Integer(12))});
  }
}

absl::StatusOr<std::vector<LeaderboardEntry>> ReadLeaderboard(Database& database,
                                                              const std::string& tenant,
                                                              const std::string& grader,
                                                              size_t limit) {
  MOA_ASSIGN_OR_RETURN(
      Statement list,
      Statement::Prepare(database,
                         "SELECT name, config, count(*), sum(total), max(total), max(points_max),"
                         " max(ended_ns), sum(tokens), sum(cost_nano_usd),"
                         " (SELECT graded FROM grades AS best WHERE best.grader = ?2"
                         " AND (?1 = '' OR best.tenant = ?1) AND best.name = grades.name"
                         " AND best.config = grades.config"
                         " ORDER BY best.total DESC, best.ended_ns, best.id LIMIT 1)"
                         " FROM grades WHERE grader = ?2 AND (?1 = '' OR tenant = ?1)"
                         " GROUP BY name, config"
                         " ORDER BY avg(total) DESC, avg(tokens), name, config LIMIT ?3"));
  list.BindText(1, tenant);
  list.BindText(2, grader);
  list.BindInteger(3, Bounded(limit));
  std::vector<LeaderboardEntry> entries;
  while (true) {
    MOA_ASSIGN_OR_RETURN(const bool found, list.Step());
    if (!found) return entries;
    entries.push_back({.name = std::string(list.Bytes(0)),
                       .config = std::string(list.Bytes(1)),
                       .attempts = static_cast<uint64_t>(list.Integer(2)),
                       .total_sum = static_cast<uint64_t>(list.Integer(3)),
                       .best = static_cast<uint32_t>(list.Integer(4)),
                       .max = static_cast<uint32_t>(list.Integer(5)),
                       .best_graded = JobId(list.Bytes(9)),
                       .last = absl::FromUnixNanos(list.Integer(6)),
                       .tokens_sum = static_cast<uint64_t>(list.Integer(7)),
                       .cost_nano_usd_sum = static_cast<uint64_t>(list.Integer(8))});
  }
}

}  // namespace moa
