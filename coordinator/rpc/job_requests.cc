#include "coordinator/rpc/job_requests.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/net/random_id.h"
#include "coordinator/convert/codec.h"
#include "coordinator/convert/convert.h"
#include "coordinator/engine/inspection.h"
#include "coordinator/rpc/graders.h"
#include "coordinator/rpc/moa_merge.h"
#include "coordinator/rpc/rpc_errors.h"

namespace moa {
namespace {

constexpr uint32_t kPageSizeDefault = 50;
constexpr uint32_t kPageSizeMax = 1000;
constexpr size_t kSearchMax = 200;
constexpr size_t kKeyBytesMax = 128;

// Puts the preset's MoA into the job; adds what is wrong to `violations`.
void ExpandPreset(v1::JobSpec* job, const std::vector<v1::Preset>& presets,
                  std::vector<Violation>* violations) {
  if (job->preset().empty()) {
    if (!job->has_moa()) {
      violations->push_back({"", "the job needs a preset or a moa; it has neither"});
    }
    return;
  }
  const auto preset = std::find_if(presets.begin(), presets.end(),
                                   [&](const v1::Preset& p) { return p.name() == job->preset(); });
  if (preset != presets.end()) {
    const v1::Moa changes = std::move(*job->mutable_moa());
    *job->mutable_moa() = preset->moa();
    MergeMoa(changes, job->mutable_moa());
    job->clear_preset();
    return;
  }
  violations->push_back(
      {"preset",
       absl::StrCat("there is no preset of that name; there are ",
                    absl::StrJoin(presets, ", ", [](std::string* out, const v1::Preset& p) {
                      absl::StrAppend(out, p.name());
                    }))});
}

}  // namespace

std::variant<CheckedJob, grpc::Status> CheckJob(v1::SubmitJobRequest* request,
                                                const std::vector<v1::Preset>& presets,
                                                const ModelTable& models, const JobLimits& limits) {
  std::vector<Violation> violations;
  if (request->idempotency_key().size() > kKeyBytesMax) {
    violations.push_back(
        {"idempotency_key", absl::StrCat("has ", request->idempotency_key().size(),
                                         " bytes; at most ", kKeyBytesMax, " are allowed")});
  }
  ExpandPreset(request->mutable_job(), presets, &violations);
  // Only TakeAnswer knows it.
  if (request->job().grades().empty()) request->mutable_job()->clear_graded();
  const bool has_moa = request->job().has_moa();
  if (has_moa) ResolveGraders(request->mutable_job()->mutable_moa(), &violations);
  const bool no_preset = !request->job().preset().empty();  // that there is
  JobSpec spec = SpecFromProto(request->mutable_job());
  std::vector<std::string> warnings = AliasWarnings(spec.moa, models);
  ReplaceAliases(models, &spec.moa);
  for (Violation& violation : Validate(spec, models, limits)) {
    // Without a MoA, its missing parts are not mistakes of their own.
    if ((!has_moa || no_preset) && violation.field.rfind("moa", 0) == 0) continue;
    violations.push_back(std::move(violation));
  }
  if (!spec.grades.empty() && !spec.moa.aggregator.grader) {
    violations.push_back({"grades", "is given, but the aggregator is no grader"});
  }
  if (!violations.empty()) return InvalidJob(violations);
  spec = Normalize(std::move(spec));
  std::string hash = HashSpec(spec);
  std::shared_ptr<const Plan> plan = Compile(std::move(spec), limits);
  for (std::string& warning : WarningsOf(*plan)) warnings.push_back(std::move(warning));
  return CheckedJob{
      .plan = std::move(plan), .hash = std::move(hash), .warnings = std::move(warnings)};
}

absl::StatusOr<JobQuery> ReadListRequest(const v1::ListJobsRequest& request) {
  if (request.page_size() > kPageSizeMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size: ", request.page_size(), " is more than ", kPageSizeMax));
  }
  if (request.search().size() > kSearchMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("search: has ", request.search().size(), " bytes, more than ", kSearchMax));
  }
  JobQuery query{.tenant = request.tenant(),
                 .limit = request.page_size() == 0 ? kPageSizeDefault : request.page_size()};
  for (const int state : request.states()) {
    if (state < v1::JOB_STATE_QUEUED || state > v1::JOB_STATE_CANCELLED) {
      return absl::InvalidArgumentError("states: holds a state that this server does not know");
    }
    query.states.push_back(static_cast<StoredState>(state));
  }
  if (request.page_token().empty()) return query;
  MOA_ASSIGN_OR_RETURN(query.before, ReadPageToken(request.page_token()));
  return query;
}

// The time in microseconds, a dot, the id.
absl::StatusOr<std::pair<absl::Time, JobId>> ReadPageToken(const std::string& token) {
  const std::vector<std::string> parts = absl::StrSplit(token, '.');
  int64_t micros = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &micros) || !IsTimeOrderedId(parts[1])) {
    return absl::InvalidArgumentError("page_token: is not one that this method gave out");
  }
  return std::make_pair(absl::FromUnixMicros(micros), JobId(parts[1]));
}

std::string PageToken(absl::Time created, const JobId& id) {
  return absl::StrCat(absl::ToUnixMicros(created), ".", id.value());
}

void WriteSummary(const JobRow& row, v1::JobSummary* job) {
  job->set_job_id(row.id.value());
  job->set_name(row.name);
  job->set_tenant(row.tenant.value());
  job->set_state(static_cast<v1::JobState>(row.state));
  job->set_degraded(row.degraded);
  *job->mutable_create_time() = TimeToProto(row.created);
  if (row.ended != absl::InfinitePast()) *job->mutable_end_time() = TimeToProto(row.ended);
}

void WriteListResponse(std::vector<JobRow> rows, size_t page_size, v1::ListJobsResponse* response) {
  const bool more = rows.size() > page_size;
  if (more) rows.resize(page_size);
  for (const JobRow& row : rows) {
    WriteSummary(row, response->add_jobs());
  }
  if (more) response->set_next_page_token(PageToken(rows.back().created, rows.back().id));
}

void WriteCounts(const JobCounts& counts, v1::CountJobsResponse* response) {
  for (int state = v1::JOB_STATE_QUEUED; state <= v1::JOB_STATE_CANCELLED; ++state) {
    v1::StateCount* count = response->add_counts();
    count->set_state(static_cast<v1::JobState>(state));
    count->set_jobs(counts.of(static_cast<StoredState>(state)));
  }
}

absl::StatusOr<JobId> ReadJobId(const std::string& job_id) {
  if (job_id.empty()) return absl::InvalidArgumentError("job_id: is missing");
  if (!IsTimeOrderedId(job_id)) {
    return absl::NotFoundError(
        "there is no such job: ids have 26 characters, as SubmitJob gave them");
  }
  return JobId(job_id);
}

}  // namespace moa
