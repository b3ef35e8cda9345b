#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/job_store.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// What clients ask of grades, in the store's terms, and back. INVALID_ARGUMENT names the field. Pure; thread-safe.
absl::StatusOr<GradeQuery> ReadGradesRequest(const v1::ListGradesRequest& request);
absl::StatusOr<GradeQuery> ReadLeaderboardRequest(const v1::GetLeaderboardRequest& request);
// Fills the page from grades of which one more than the page was read.
void WriteGrades(std::vector<StoredGrade> grades, size_t page_size,
                 v1::ListGradesResponse* response);
void WriteLeaderboard(const std::vector<LeaderboardEntry>& entries,
                      v1::GetLeaderboardResponse* response);

}  // namespace moa
