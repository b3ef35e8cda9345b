#include "coordinator/engine/job_wording.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

// Tasks named in one sentence; the rest is a number.
constexpr size_t kNamedMax = 5;
// Of each error quoted in a longer message.
constexpr size_t kQuotedErrorMax = 200;

std::string ShortError(const Error& error) {
  const absl::string_view message = Utf8Prefix(error.message, kQuotedErrorMax);
  return absl::StrCat(ErrorCodeName(error.code), message.empty() ? "" : ": ", message,
                      message.size() < error.message.size() ? "…" : "");
}

}  // namespace

std::string Presentable(std::string message) {
  if (!IsValidUtf8(message)) message = RepairUtf8(message);
  if (message.size() > kErrorMessageMax) {
    message.resize(Utf8Prefix(message, kErrorMessageMax).size());
  }
  return message;
}

std::string StageName(const Plan& plan, uint32_t stage) {
  if (stage + 1 == plan.stages.size()) return "the aggregator";
  const Stage& planned = plan.stages[stage];
  return absl::StrCat("layer ", planned.layer, ", round ", planned.round);
}

std::string TaskName(const Plan& plan, uint32_t task) {
  const PlannedTask& planned = plan.tasks[task];
  const Agent& agent = *planned.agent;
  if (agent.samples <= 1) return absl::StrCat(agent.name, " (", agent.model, ")");
  return absl::StrCat(agent.name, ", sample ", planned.sample + 1, " of ", agent.samples, " (",
                      agent.model, ")");
}

std::string DegradedReason(const JobMachine& job) {
  const Plan& plan = job.plan();
  const uint32_t index = job.stages_started() - 1;
  const Stage& stage = plan.stages[index];
  uint32_t failed = 0;
  std::string errors;
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const JobMachine::Task& task = job.task(i);
    if (task.state != TaskState::kFailed) continue;
    if (++failed > kNamedMax) continue;
    absl::StrAppend(&errors, failed == 1 ? "" : "; ", TaskName(plan, i), ": ",
                    ShortError(task.result.error));
  }
  if (failed > kNamedMax) absl::StrAppend(&errors, "; and ", failed - kNamedMax, " more");
  if (failed == stage.task_count) {
    return Presentable(absl::StrCat(StageName(plan, index),
                                    ": no agent answered, so the aggregator "
                                    "answers alone: ",
                                    errors));
  }
  return Presentable(absl::StrCat(StageName(plan, index), ": ", failed, " of ", stage.task_count,
                                  " answers lost: ", errors));
}

std::string DeadlineMessage(const JobMachine& job) {
  const Plan& plan = job.plan();
  const uint32_t index = job.stages_started() - 1;
  const Stage& stage = plan.stages[index];
  uint32_t counts[6] = {};
  uint32_t waiting = 0;
  size_t named = 0;
  std::string open;
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const JobMachine::Task& task = job.task(i);
    ++counts[static_cast<size_t>(task.state)];
    if (task.state != TaskState::kQueued && task.state != TaskState::kRunning) continue;
    if (task.current.attempt == 0) ++waiting;
    if (++named > kNamedMax) continue;
    absl::StrAppend(&open, named == 1 ? "" : "; ", TaskName(plan, i));
    if (task.last_error.code != ErrorCode::kUnspecified) {
      absl::StrAppend(&open, " after ", ShortError(task.last_error));
    }
  }
  if (named > kNamedMax) absl::StrAppend(&open, "; and ", named - kNamedMax, " more");
  const auto count = [&](TaskState state) { return counts[static_cast<size_t>(state)]; };
  return Presentable(
      absl::StrCat("the deadline of ", absl::FormatDuration(plan.deadline), " passed in ",
                   StageName(plan, index), " (stage ", index + 1, " of ", plan.stages.size(),
                   "): ", count(TaskState::kSucceeded), " of ", stage.task_count, " answered, ",
                   count(TaskState::kFailed), " failed, ", count(TaskState::kRunning), " running, ",
                   count(TaskState::kQueued) - waiting, " queued, ", waiting,
                   " waiting for a retry", open.empty() ? "" : "; unfinished: ", open));
}

std::string NoContentMessage(const std::string& finish_reason) {
  const absl::string_view advice =
      finish_reason == "length" ? ": raise max_completion_tokens"
      : finish_reason == "content_filter"
          ? ": the provider's filter withheld it, word the prompt differently"
      : finish_reason == "tool_calls" ? ": it called tools, which only the aggregator may"
                                      : "";
  return Presentable(absl::StrCat("the model returned no content (finish_reason ",
                                  finish_reason.empty() ? "absent" : finish_reason, ")", advice));
}

}  // namespace moa
