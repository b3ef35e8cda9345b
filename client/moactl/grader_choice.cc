#include "client/moactl/grader_choice.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/document/file.h"
#include "common/grading/grader_file.h"
#include "common/grading/shipped_graders.h"

namespace moa {
namespace {

// A grader that nobody can run is not waited for longer.
constexpr int kDeadlineSeconds = 120;
constexpr size_t kGraderFileBytesMax = 256 << 10;

v1::JobSpec Job(const v1::Grader& grader) {
  v1::JobSpec job;
  v1::Agent& agent = *job.mutable_moa()->mutable_aggregator();
  agent.set_name("grader");
  *agent.mutable_grader() = grader;
  job.mutable_deadline()->set_seconds(kDeadlineSeconds);
  return job;
}

}  // namespace

absl::StatusOr<GraderChoice> ChooseGrader(const std::string& name_or_file) {
  GraderChoice choice{.grader = ShippedGraders()[0], .sent = {}};
  if (const Grader* shipped = FindShippedGrader(name_or_file)) {
    choice.grader = *shipped;
    choice.sent.set_name(shipped->name());
    return choice;
  }
  const absl::StatusOr<std::string> text = ReadFile(name_or_file, kGraderFileBytesMax);
  if (!text.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--grader: ", text.status().message(), "; it is a file, or one of ",
                     absl::StrJoin(ShippedGraders(), ", ", [](std::string* out, const Grader& one) {
                       absl::StrAppend(out, one.name());
                     })));
  }
  Problems problems;
  std::optional<Grader> grader = ReadGrader(*text, name_or_file, problems);
  if (!grader) return problems.ToStatus();
  choice.grader = *std::move(grader);
  choice.sent.set_definition(*text);
  return choice;
}

v1::JobSpec GradingJob(const v1::Grader& grader, absl::string_view text) {
  v1::JobSpec job = Job(grader);
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content(text.data(), text.size());
  return job;
}

v1::JobSpec GradingJobOf(const v1::Grader& grader, const std::string& job_id) {
  v1::JobSpec job = Job(grader);
  job.set_grades(job_id);
  return job;
}

std::string WhyNobodyGrades(Client& client) {
  const auto workers = client.Workers();
  if (!workers.ok()) return "";
  const bool any = std::any_of(workers->begin(), workers->end(),
                               [](const v1::Worker& worker) { return worker.grading_slots() > 0; });
  return any ? ""
             : "no connected worker can grade, so this waits for one: a worker needs python3 and a "
               "sandbox, and says in its log what it lacks";
}

}  // namespace moa
