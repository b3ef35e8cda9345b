#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/sqlite/database.h"

namespace moa {

// As the functions of JobStore, on a connection; errors as Database::ErrorOf.
absl::StatusOr<std::vector<StoredGrade>> ListGrades(Database& database, const GradeQuery& query);
absl::StatusOr<std::vector<LeaderboardEntry>> ReadLeaderboard(Database& database,
                                                              const std::string& tenant,
                                                              const std::string& grader,
                                                              size_t limit);

}  // namespace moa
