// How a job goes from stage to stage, what cuts a stage short, and how the job ends.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "coordinator/engine/job_machine.h"
#include "coordinator/engine/job_wording.h"
#include "coordinator/engine/stage_clock.h"

namespace moa {

// The running stage, if there is one, has no unfinished task: goes on to what comes after it.
void JobMachine::Settle(Commands* commands) {
  const bool first = stages_started_ == 0;
  if (first && now_ >= deadline_) return EndByDeadline(commands);
  if (!first && running_stage() == aggregator_stage()) return EndByAggregator(commands);
  const uint32_t stage = first ? 0 : running_stage();
  uint32_t next = aggregator_stage();
  std::string left_out;
  if (first || progress_.survivors > 0) {
    next = first ? 0 : stage + 1;
    left_out = WhyLeftOut(next);
    if (!left_out.empty()) next = aggregator_stage();
  }
  const bool recorded = !degradations_.empty() && degradations_.back().stage == stage;
  if ((progress_.lost > 0 || !left_out.empty()) && !recorded) {
    Append(JobDegraded{.stage = stage,
                       .survivors = progress_.survivors,
                       .failed = progress_.lost,
                       .reason = DegradedReason(*this, left_out)},
           commands);
  }
  if (now_ >= deadline_) return EndByDeadline(commands);
  StartStage(next, commands);
}

// Why layer stage `next` is not to be started, or "".
std::string JobMachine::WhyLeftOut(uint32_t next) {
  if (next == aggregator_stage()) return "";
  if (now_ >= accepted_at_ + AggregatorStart(*plan_)) {
    return "the time kept for the aggregator has begun";
  }
  if (!budget_.limited()) return "";
  PrepareInputs(next, stages_started_ == 0 ? std::nullopt : std::make_optional(running_stage()));
  const Spend used = Committed();
  const Spend aggregator = budget_.Aggregator();
  std::string refusal;
  const Stage& stage = plan_->stages[next];
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const Spend call = budget_.WorstCase(inputs_.Make(*plan_, i, seed_));
    Spend reserve = aggregator;
    reserve += budget_.PossibleReference(*plan_->tasks[i].agent);
    Spend total = used;
    total += call;
    total += reserve;
    if (budget_.Fits(total)) return "";
    if (refusal.empty()) refusal = budget_.Refusal(used, call, reserve);
  }
  return refusal;
}

void JobMachine::StartStage(uint32_t index, Commands* commands) {
  Append(LayerStarted{.stage = index}, commands);
  quorum_at_ = absl::InfiniteFuture();
  PrepareInputs(index, answers_of_);
  StartTasks(commands);
}

// Enqueues the running stage's open tasks; leaves out those that the budget does not hold together
// with the aggregator's call.
void JobMachine::StartTasks(Commands* commands) {
  const Stage& stage = plan_->stages[running_stage()];
  const bool aggregator = running_stage() == aggregator_stage();
  commands->reserve(commands->size() + stage.task_count);
  Spend used;
  Spend reserve;
  if (budget_.limited()) {
    used = Committed();
    if (!aggregator) reserve = budget_.Aggregator();
    for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
      if (tasks_[i].state != TaskState::kSucceeded) continue;
      reserve += budget_.AcceptedReference(tasks_[i].result.completion.content);
    }
  }
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    Task& task = tasks_[i];
    if (task.state != TaskState::kQueued) continue;
    if (!budget_.limited()) {
      Enqueue(i, commands);
      continue;
    }
    const Spend call = budget_.WorstCase(Input(i));
    Spend kept = reserve;
    if (!aggregator) kept += budget_.PossibleReference(*plan_->tasks[i].agent);
    Spend total = used;
    total += call;
    total += kept;
    if (budget_.Fits(total)) {
      task.reserved = call;
      used += call;
      reserve = kept;
      Enqueue(i, commands);
      continue;
    }
    TaskResult result = task.result;
    result.state = TaskState::kSkipped;
    result.error = {.code = ErrorCode::kBudgetExceeded,
                    .message = Presentable(budget_.Refusal(used, call, kept))};
    Conclude(i, std::move(result), commands);
  }
  if (progress_.unfinished == 0) Settle(commands);
}

// The answers of one stage, the last before it that was run, are another's references, and only
// those.
void JobMachine::PrepareInputs(uint32_t index, std::optional<uint32_t> answers_of) {
  std::vector<Reference> references;
  if (answers_of.has_value()) {
    const Stage& before = plan_->stages[*answers_of];
    for (uint32_t i = before.first_task; i < before.first_task + before.task_count; ++i) {
      if (tasks_[i].state != TaskState::kSucceeded) continue;
      references.push_back({.content = tasks_[i].result.completion.content});
    }
  }
  inputs_.Start(*plan_, index, references);
  budget_.StageChanged();
}

// ------------------------------------------------------------------------------------------------
// Limits of time

const Quorum* JobMachine::RunningQuorum() const {
  if (stages_started_ == 0 || running_stage() == aggregator_stage()) return nullptr;
  const auto& quorum = plan_->spec.moa.layers[plan_->stages[running_stage()].layer - 1].quorum;
  return quorum.has_value() ? &*quorum : nullptr;
}

void JobMachine::WatchQuorum() {
  const Quorum* quorum = RunningQuorum();
  if (quorum == nullptr || progress_.survivors < quorum->min) return;
  quorum_at_ = std::min(quorum_at_, now_ + quorum->grace);
}

// When the running stage's unfinished tasks are to be cancelled.
absl::Time JobMachine::CutAt() const {
  if (stages_started_ == 0 || running_stage() == aggregator_stage()) {
    return absl::InfiniteFuture();
  }
  const absl::Duration share =
      progress_.survivors > 0 ? StageEnd(*plan_, running_stage()) : AggregatorStart(*plan_);
  return std::min(quorum_at_, accepted_at_ + share);
}

void JobMachine::CutStragglers(Commands* commands) {
  std::string reason;
  if (now_ >= quorum_at_) {
    const Quorum& quorum = *RunningQuorum();
    reason = absl::StrCat(
        "cancelled: the quorum of ", quorum.min, " had answered",
        quorum.grace > absl::ZeroDuration()
            ? absl::StrCat(", and the grace of ", absl::FormatDuration(quorum.grace), " was over")
            : "");
  } else if (progress_.survivors > 0) {
    reason = absl::StrCat("cancelled: the layer's share of the deadline was over (",
                          absl::FormatDuration(StageEnd(*plan_, running_stage())), " of ",
                          absl::FormatDuration(plan_->deadline), ")");
  } else {
    reason = absl::StrCat("cancelled: the time kept for the aggregator had begun (the last ",
                          absl::FormatDuration(plan_->deadline - AggregatorStart(*plan_)), " of ",
                          absl::FormatDuration(plan_->deadline), ")");
  }
  const Stage& stage = plan_->stages[running_stage()];
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    Task& task = tasks_[i];
    if (task.finished) continue;
    CloseAttempts(task, commands);
    waiting_.erase({task.retry_at, i});
    TaskResult result = task.result;
    result.state = TaskState::kCancelled;
    result.error = {.code = ErrorCode::kCancelled, .message = reason};
    if (task.state == TaskState::kRunning) result.run = Measured(now_ - task.dispatched_at);
    Conclude(i, std::move(result), commands);
  }
  quorum_at_ = absl::InfiniteFuture();
  Settle(commands);
}

void JobMachine::MeetLimits(Commands* commands) {
  while (!ended()) {
    if (now_ >= deadline_) return EndByDeadline(commands);
    if (now_ < CutAt()) return;
    CutStragglers(commands);
  }
}

// ------------------------------------------------------------------------------------------------
// Ends

void JobMachine::EndByAggregator(Commands* commands) {
  const uint32_t index = plan_->aggregator_task();
  if (tasks_[index].state == TaskState::kSucceeded) {
    End(JobState::kSucceeded, {}, commands);
    return;
  }
  const TaskResult& result = tasks_[index].result;
  Error error = result.error;
  const std::string what = result.attempts == 0
                               ? "the aggregator could not be asked: "
                               : absl::StrCat("the aggregator failed after ", result.attempts,
                                              result.attempts == 1 ? " attempt: " : " attempts: ");
  error.message = Presentable(absl::StrCat(what, result.error.message));
  End(JobState::kFailed, std::move(error), commands);
}

void JobMachine::EndByFatalError(uint32_t index, Commands* commands) {
  Error error = tasks_[index].result.error;
  error.message = Presentable(absl::StrCat(TaskName(*this, index), ": ", error.message,
                                           " (every other call would meet the same)"));
  End(JobState::kFailed, std::move(error), commands);
}

void JobMachine::EndByDeadline(Commands* commands) {
  const std::string message =
      stages_started_ > 0 ? DeadlineMessage(*this)
                          : absl::StrCat("the deadline of ", absl::FormatDuration(plan_->deadline),
                                         " passed before the job could start");
  End(JobState::kFailed, {.code = ErrorCode::kDeadlineExceeded, .message = message}, commands);
}

void JobMachine::End(JobState state, Error error, Commands* commands) {
  if (progress_.unfinished > 0) {
    const Stage& stage = plan_->stages[running_stage()];
    for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
      CloseAttempts(tasks_[i], commands);
    }
  }
  Append(JobEnded{.state = state,
                  .error = std::move(error),
                  .latency = Measured(now_ - accepted_at_),
                  .critical_path = critical_path_,
                  .usage = usage()},
         commands);
}

}  // namespace moa
