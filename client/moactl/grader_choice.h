#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/lib/moa_client.h"
#include "common/grading/grader.h"
#include "moa/v1/job.pb.h"

namespace moa {

inline constexpr const char* kGraderDefault = "user-metrics";

// A grader that a command line names.
struct GraderChoice {
  Grader grader;
  v1::Grader sent;  // as jobs carry it
};

// One that comes with the programs, by its name, or a file. INVALID_ARGUMENT, for people: neither; the file's mistakes,
// with their lines.
absl::StatusOr<GraderChoice> ChooseGrader(const std::string& name_or_file);

// A job that grades `text` …
v1::JobSpec GradingJob(const v1::Grader& grader, absl::string_view text);
// … or the answer of the job `job_id`.
v1::JobSpec GradingJobOf(const v1::Grader& grader, const std::string& job_id);

// What to do where nobody can grade; "" where somebody can.
std::string WhyNobodyGrades(Client& client);

}  // namespace moa
