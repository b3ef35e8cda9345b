// What cuts a job's running stage short: a quorum, its share of the deadline, enough answers.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "coordinator/engine/job_machine.h"
#include "coordinator/engine/stage_clock.h"

namespace moa {

const Quorum* JobMachine::RunningQuorum() const {
  if (stages_started_ == 0) return nullptr;
  const Stage& stage = plan_->stages[running_stage()];
  if (stage.kind != StageKind::kPropose) return nullptr;
  const auto& quorum = plan_->LayerOf(stage).quorum;
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
  CancelOpenTasks(ErrorCode::kCancelled, reason, commands);
  Settle(commands);
}

// The running stage goes on without its open tasks.
void JobMachine::CancelOpenTasks(ErrorCode code, const std::string& reason, Commands* commands) {
  const Stage& stage = plan_->stages[running_stage()];
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    Task& task = tasks_[i];
    if (task.state != TaskState::kQueued && task.state != TaskState::kRunning) continue;
    CloseAttempts(task, commands);
    waiting_.erase({task.retry_at, i});
    TaskResult result = task.result;
    result.state = TaskState::kCancelled;
    result.error = {.code = code, .message = reason};
    if (task.state == TaskState::kRunning) result.run = Measured(now_ - task.dispatched_at);
    Conclude(i, std::move(result), commands);
  }
  quorum_at_ = absl::InfiniteFuture();
}

// Ends the running stage when the answers that are there make the others superfluous.
bool JobMachine::CutSuperfluous(Commands* commands) {
  if (progress_.unfinished == 0) return false;
  const std::string why = WhySuperfluous(*plan_, tasks_, running_stage());
  if (why.empty()) return false;
  CancelOpenTasks(ErrorCode::kNotNeeded, why, commands);
  Settle(commands);
  return true;
}

void JobMachine::MeetLimits(Commands* commands) {
  while (!ended()) {
    if (now_ >= deadline_) return EndByDeadline(commands);
    if (now_ < CutAt()) return;
    CutStragglers(commands);
  }
}

}  // namespace moa
