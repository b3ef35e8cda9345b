#include "coordinator/engine/job_wording.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

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

// Why a task has no answer.
std::string ShortReason(const TaskResult& result) {
  switch (result.state) {
    case TaskState::kCancelled:
      return result.error.message;
    case TaskState::kSkipped:
      return absl::StrCat("left out: ", result.error.message);
    default:
      return ShortError(result.error);
  }
}

// The first few of several names or sentences, and how many more there are.
struct NameList {
  size_t count = 0;
  std::string text{};
  absl::string_view between = "; ";
  void Add(const std::string& name) {
    if (++count <= kNamedMax) absl::StrAppend(&text, count == 1 ? "" : between, name);
  }
  std::string Take() {
    if (count > kNamedMax) absl::StrAppend(&text, between, "and ", count - kNamedMax, " more");
    return std::move(text);
  }
};

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

std::string TaskName(const JobMachine& job, uint32_t task) {
  const PlannedTask& planned = job.plan().tasks[task];
  const Agent& agent = *planned.agent;
  if (agent.samples <= 1) return absl::StrCat(agent.name, " (", job.model(task), ")");
  return absl::StrCat(agent.name, ", sample ", planned.sample + 1, " of ", agent.samples, " (",
                      job.model(task), ")");
}

std::string DegradedReason(const JobMachine& job, const std::string& left_out) {
  const Plan& plan = job.plan();
  if (job.stages_started() == 0) {
    return Presentable(absl::StrCat("all layers were left out: ", left_out));
  }
  const uint32_t index = job.stages_started() - 1;
  const Stage& stage = plan.stages[index];
  std::vector<std::pair<std::string, NameList>> lost;  // by reason
  uint32_t lost_count = 0;
  NameList answered{.between = ", "};
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const JobMachine::Task& task = job.task(i);
    if (task.state == TaskState::kSucceeded) {
      answered.Add(TaskName(job, i));
      continue;
    }
    ++lost_count;
    const std::string reason = ShortReason(task.result);
    const auto same = std::find_if(lost.begin(), lost.end(),
                                   [&](const auto& entry) { return entry.first == reason; });
    NameList& names = same == lost.end()
                          ? lost.emplace_back(reason, NameList{.between = ", "}).second
                          : same->second;
    names.Add(TaskName(job, i));
  }
  NameList losses;
  for (auto& [reason, names] : lost) losses.Add(absl::StrCat(names.Take(), ": ", reason));
  std::string text = absl::StrCat(StageName(plan, index), ": ");
  if (answered.count == 0) {
    absl::StrAppend(&text, "no agent answered, so the aggregator answers alone: ", losses.Take());
    return Presentable(std::move(text));
  }
  if (lost_count > 0) {
    absl::StrAppend(&text, lost_count, " of ", stage.task_count, " answers lost: ", losses.Take(),
                    "; answered: ", answered.Take());
  }
  if (!left_out.empty()) {
    absl::StrAppend(&text, lost_count > 0 ? "; " : "",
                    "the layers after it were left out: ", left_out);
  }
  return Presentable(std::move(text));
}

std::string DeadlineMessage(const JobMachine& job) {
  const Plan& plan = job.plan();
  const uint32_t index = job.stages_started() - 1;
  const Stage& stage = plan.stages[index];
  uint32_t counts[6] = {};
  uint32_t waiting = 0;
  NameList open;
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const JobMachine::Task& task = job.task(i);
    ++counts[static_cast<size_t>(task.state)];
    if (task.state != TaskState::kQueued && task.state != TaskState::kRunning) continue;
    if (task.current.attempt == 0) ++waiting;
    const bool tried = task.last_error.code != ErrorCode::kUnspecified;
    open.Add(absl::StrCat(TaskName(job, i), tried ? " after " : "",
                          tried ? ShortError(task.last_error) : ""));
  }
  const auto count = [&](TaskState state) { return counts[static_cast<size_t>(state)]; };
  return Presentable(
      absl::StrCat("the deadline of ", absl::FormatDuration(plan.deadline), " passed in ",
                   StageName(plan, index), " (stage ", index + 1, " of ", plan.stages.size(),
                   "): ", count(TaskState::kSucceeded), " of ", stage.task_count, " answered, ",
                   count(TaskState::kFailed), " failed, ", count(TaskState::kRunning), " running, ",
                   count(TaskState::kQueued) - waiting, " queued, ", waiting,
                   " waiting for a retry", open.count == 0 ? "" : "; unfinished: ", open.Take()));
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
