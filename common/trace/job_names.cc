#include "common/trace/job_names.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

// A number that this program does not know yet is shown as such.
std::string Stripped(const std::string& name, int value, absl::string_view prefix) {
  if (name.empty()) return absl::StrCat("UNKNOWN_", value);
  return std::string(absl::StripPrefix(name, prefix));
}

}  // namespace

std::string StateName(v1::JobState state) {
  return Stripped(v1::JobState_Name(state), state, "JOB_STATE_");
}

std::string StateName(v1::TaskState state) {
  return Stripped(v1::TaskState_Name(state), state, "TASK_STATE_");
}

std::string ErrorName(v1::ErrorCode code) {
  return Stripped(v1::ErrorCode_Name(code), code, "ERROR_CODE_");
}

std::string KindName(v1::StageKind kind) {
  switch (kind) {
    case v1::STAGE_KIND_CRITIQUE:
      return "critique";
    case v1::STAGE_KIND_ROUTE:
      return "route";
    case v1::STAGE_KIND_AGGREGATE:
      return "aggregate";
    default:
      return "propose";
  }
}

TaskIds TaskIdsOf(const v1::Job& job) {
  TaskIds ids;
  for (const v1::LayerResult& layer : job.layers()) {
    for (const v1::TaskResult& task : layer.tasks()) ids[task.task().index()] = task.task();
  }
  return ids;
}

std::string TaskName(const v1::TaskId& task) {
  std::string name = OneLine(task.agent());
  if (task.sample() > 0) absl::StrAppend(&name, " #", task.sample() + 1);
  return name;
}

std::string TaskName(const v1::TaskId& task, const TaskIds& ids) {
  const auto judged = task.has_judges() ? ids.find(task.judges()) : ids.end();
  if (judged == ids.end()) return TaskName(task);
  return absl::StrCat(OneLine(task.agent()), " of ", TaskName(judged->second));
}

}  // namespace moa
