#pragma once

#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/engine/model_table.h"
#include "coordinator/engine/plan.h"
#include "coordinator/store/job_store.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// What clients ask, checked and turned into the runtime's terms. Pure functions; thread-safe.

// A submitted job, ready to be stored.
struct CheckedJob {
  std::shared_ptr<const Plan> plan;
  std::string hash;                   // HashSpec
  std::vector<std::string> warnings;  // for the client
};
// Expands the preset, validates, normalises and compiles; moves the texts out of `request`. On failure the
// status is the client's, with every mistake.
std::variant<CheckedJob, grpc::Status> CheckJob(v1::SubmitJobRequest* request,
                                                const std::vector<v1::Preset>& presets,
                                                const ModelTable& models, const JobLimits& limits);

// INVALID_ARGUMENT names the field.
absl::StatusOr<JobQuery> ReadListRequest(const v1::ListJobsRequest& request);
// Names a place in the list: the page behind this job.
std::string PageToken(absl::Time created, const JobId& id);
absl::StatusOr<std::pair<absl::Time, JobId>> ReadPageToken(const std::string& token);
void WriteSummary(const JobRow& row, v1::JobSummary* job);
// Fills the page from rows of which one more than the page was read.
void WriteListResponse(std::vector<JobRow> rows, size_t page_size, v1::ListJobsResponse* response);

void WriteCounts(const JobCounts& counts, v1::CountJobsResponse* response);

absl::StatusOr<JobId> ReadJobId(const std::string& job_id);

}  // namespace moa
