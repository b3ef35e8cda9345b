#include "coordinator/engine/job_wording.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/judgement.h"

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
  const absl::string_view who = planned.kind == StageKind::kCritique ? ", critics"
                                : planned.kind == StageKind::kRoute  ? ", router"
                                                                     : "";
  return absl::StrCat("layer ", planned.layer, ", round ", planned.round, who);
}

std::string TaskName(const JobMachine& job, uint32_t task) {
  const PlannedTask& planned = job.plan().tasks[task];
  const Agent& agent = *planned.agent;
  if (planned.judges) {
    const PlannedTask& answer = job.plan().tasks[*planned.judges];
    return absl::StrCat(
        agent.name, " (", job.model(task), ") on ", answer.agent->name,
        answer.agent->samples > 1 ? absl::StrCat(", sample ", answer.sample + 1) : "");
  }
  if (agent.samples <= 1) return absl::StrCat(agent.name, " (", job.model(task), ")");
  return absl::StrCat(agent.name, ", sample ", planned.sample + 1, " of ", agent.samples, " (",
                      job.model(task), ")");
}

std::string DegradedReason(const JobMachine& job, const std::string& left_out,
                           const std::string& unmet) {
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
    if (!task.finished || task.result.error.code == ErrorCode::kNotNeeded) continue;
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
  const bool proposes = stage.kind == StageKind::kPropose;
  if (answered.count == 0 && proposes && stage.attempt == 1) {
    absl::StrAppend(&text, "no agent answered, so the aggregator answers alone: ", losses.Take());
    return Presentable(std::move(text));
  }
  if (lost_count > 0) {
    absl::StrAppend(&text, lost_count, " of ", lost_count + answered.count,
                    proposes ? " answers" : " replies", " lost: ", losses.Take());
    if (answered.count > 0) absl::StrAppend(&text, "; answered: ", answered.Take());
  }
  if (!unmet.empty()) absl::StrAppend(&text, lost_count > 0 ? "; " : "", unmet);
  if (!left_out.empty()) {
    absl::StrAppend(&text, lost_count > 0 || !unmet.empty() ? "; " : "",
                    "the layers after it were left out: ", left_out);
  }
  return Presentable(std::move(text));
}

std::string StandInReason(const JobMachine& job) {
  const TaskResult& result = job.task(job.plan().aggregator_task()).result;
  return Presentable(absl::StrCat("the aggregator failed after ", result.attempts,
                                  result.attempts == 1 ? " attempt" : " attempts", " (",
                                  ShortError(result.error), "); the answer of ",
                                  TaskName(job, *job.handed_on().best), " stands in for it"));
}

std::string DecisionNote(const JobMachine& job, uint32_t index, const Outcome& handed) {
  const Plan& plan = job.plan();
  const Stage& stage = plan.stages[index];
  NameList names{.between = ", "};
  const std::optional<uint32_t> route =
      stage.kind == StageKind::kPropose ? RouteStage(plan, stage.layer) : std::nullopt;
  if (route && stage.round == 1) {
    bool fell_back = false;
    for (const uint32_t pick : PicksOf(plan, job.tasks(), *route, &fell_back)) {
      names.Add(plan.LayerOf(stage).agents[pick].name);
    }
    return absl::StrCat(
        fell_back ? "the router picked nobody: the first run: " : "the router picked ",
        names.Take());
  }
  if (job.stages_started() == 0 || handed.answers.empty()) return "";
  const Stage& before = plan.stages[job.stages_started() - 1];
  if (before.block == stage.block || before.kind == StageKind::kAggregate) return "";
  const Layer& layer = plan.LayerOf(before);
  if (!layer.critique && !layer.vote && !layer.enough && !handed.is_answer) return "";
  for (const uint32_t task : handed.answers) names.Add(TaskName(job, task));
  return absl::StrCat(handed.is_answer ? "the agents agree, which ends the job: "
                      : handed.is_done ? "critics said that no further layer is needed; handed on: "
                                       : "handed on: ",
                      names.Take());
}

std::string UnreadableMessage(const JobMachine& job, uint32_t task, const Completion& completion) {
  constexpr size_t kExcerptMax = 160;
  const bool route = job.plan().stages[job.plan().tasks[task].stage].kind == StageKind::kRoute;
  const absl::string_view excerpt = Utf8Prefix(completion.content.view(), kExcerptMax);
  return Presentable(absl::StrCat(
      route ? "no choice of agents" : "no verdict", " can be read from the reply (finish_reason ",
      completion.finish_reason.empty() ? "absent" : completion.finish_reason, "): ", excerpt,
      excerpt.size() < completion.content.size() ? "…" : ""));
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
