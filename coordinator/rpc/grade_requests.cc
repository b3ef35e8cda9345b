#include "coordinator/rpc/grade_requests.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "coordinator/convert/convert.h"
#include "coordinator/rpc/graders.h"
#include "coordinator/rpc/job_requests.h"

namespace moa {
namespace {

constexpr uint32_t kSizeDefault = 50;
constexpr uint32_t kSizeMax = 1000;
constexpr double kNano = 1e9;

absl::StatusOr<size_t> ReadSize(absl::string_view field, uint32_t size) {
  if (size > kSizeMax) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": ", size, " is more than ", kSizeMax));
  }
  return size == 0 ? kSizeDefault : size;
}

}  // namespace

absl::StatusOr<GradeQuery> ReadGradesRequest(const v1::ListGradesRequest& request) {
  GradeQuery query{.tenant = request.tenant(), .config = request.config()};
  MOA_ASSIGN_OR_RETURN(query.limit, ReadSize("page_size", request.page_size()));
  if (request.has_grader()) {
    MOA_ASSIGN_OR_RETURN(query.grader, GraderId(request.grader()));
  }
  if (request.page_token().empty()) return query;
  MOA_ASSIGN_OR_RETURN(query.before, ReadPageToken(request.page_token()));
  return query;
}

absl::StatusOr<GradeQuery> ReadLeaderboardRequest(const v1::GetLeaderboardRequest& request) {
  GradeQuery query{.tenant = request.tenant()};
  MOA_ASSIGN_OR_RETURN(query.limit, ReadSize("size", request.size()));
  MOA_ASSIGN_OR_RETURN(query.grader, GraderId(request.grader()));
  return query;
}

void WriteGrades(std::vector<StoredGrade> grades, size_t page_size,
                 v1::ListGradesResponse* response) {
  const bool more = grades.size() > page_size;
  if (more) grades.resize(page_size);
  for (const StoredGrade& grade : grades) {
    v1::Grade* out = response->add_grades();
    out->set_job_id(grade.id.value());
    out->set_graded_job_id(grade.graded.value());
    out->set_tenant(grade.tenant.value());
    out->set_grader(grade.grader);
    out->set_total(grade.total);
    out->set_max(grade.max);
    *out->mutable_time() = TimeToProto(grade.ended);
    GradedToProto({.name = grade.name,
                   .config = grade.config,
                   .total_tokens = grade.tokens,
                   .upstream_calls = grade.calls,
                   .cost_usd = static_cast<double>(grade.cost_nano_usd) / kNano,
                   .latency = grade.latency},
                  out->mutable_graded());
  }
  if (more) response->set_next_page_token(PageToken(grades.back().ended, grades.back().id));
}

void WriteLeaderboard(const std::vector<LeaderboardEntry>& entries,
                      v1::GetLeaderboardResponse* response) {
  for (const LeaderboardEntry& entry : entries) {
    const auto attempts = static_cast<double>(entry.attempts);
    v1::LeaderboardRow* row = response->add_rows();
    row->set_name(entry.name);
    row->set_config(entry.config);
    row->set_attempts(static_cast<uint32_t>(entry.attempts));
    row->set_mean(static_cast<double>(entry.total_sum) / attempts);
    row->set_best(entry.best);
    row->set_max(entry.max);
    row->set_best_job_id(entry.best_graded.value());
    *row->mutable_last_time() = TimeToProto(entry.last);
    row->set_mean_tokens(static_cast<double>(entry.tokens_sum) / attempts);
    row->set_mean_cost_usd(static_cast<double>(entry.cost_nano_usd_sum) / kNano / attempts);
  }
}

}  // namespace moa
