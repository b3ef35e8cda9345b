#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "moa/v1/job.pb.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// The objects of `-o json`, one line each without a line end, which scripts read: fields are added,
// never renamed or removed. Durations are milliseconds as numbers. Texts that are not well-formed
// UTF-8 are repaired, because JSON has no other bytes.

// The object of `get` and `submit --wait`: job_id, state, degraded, degradations?, answer, error?, tool_calls?,
// latency_ms, critical_path_ms, usage, layers, name, tenant, create_time, end_time?, follows?, grades?, and `job`: the job file
// that would ask the same again, with its preset expanded and the conversation of the job it follows. An agent without a share_of_answer, such as the
// aggregator, has 0.
std::string JobJson(const v1::Job& job);

// {"job_id","state","warnings"?}.
std::string SubmittedJson(const v1::SubmitJobResponse& response);

// {"jobs":[…]} and so on.
std::string JobsJson(const std::vector<v1::JobSummary>& jobs,
                     absl::string_view next_page_token = "");
std::string CountsJson(const v1::CountJobsResponse& counts);
std::string WorkersJson(const std::vector<v1::Worker>& workers);
std::string ModelsJson(const std::vector<v1::Model>& models);
std::string PresetJson(const v1::Preset& preset);
std::string PresetsJson(const std::vector<v1::Preset>& presets);

// {"status":"SERVING","coordinator":address}.
std::string HealthJson(absl::string_view address);

}  // namespace moa
