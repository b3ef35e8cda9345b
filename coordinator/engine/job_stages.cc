// How a job goes from stage to stage, and how it ends.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "coordinator/engine/job_machine.h"
#include "coordinator/engine/job_wording.h"
#include "coordinator/engine/judgement.h"
#include "coordinator/engine/stage_clock.h"

namespace moa {

// The running stage, if there is one, has no unfinished task: goes on to what comes after it.
void JobMachine::Settle(Commands* commands) {
  const bool first = stages_started_ == 0;
  if (first && now_ >= deadline_) return EndByDeadline(commands);
  if (!first && running_stage() == aggregator_stage()) return EndByAggregator(commands);
  const uint32_t stage = first ? 0 : running_stage();
  uint32_t next = first ? 0 : StageAfter(*plan_, tasks_, stage);
  const std::string left_out = WhyLeftOut(next);
  if (!left_out.empty()) next = aggregator_stage();
  const std::string unmet = first ? "" : WhatIsUnmet(next);
  const bool recorded = !degradations_.empty() && degradations_.back().stage == stage;
  if ((progress_.lost > 0 || !left_out.empty() || !unmet.empty()) && !recorded) {
    Append(JobDegraded{.stage = stage,
                       .survivors = progress_.survivors,
                       .failed = progress_.lost,
                       .reason = DegradedReason(*this, left_out, unmet)},
           commands);
  }
  if (now_ >= deadline_) return EndByDeadline(commands);
  StartStage(next, commands);
}

// What the running stage, or its block where `next` is beyond it, was to decide and did not; or "".
std::string JobMachine::WhatIsUnmet(uint32_t next) const {
  const uint32_t stage = running_stage();
  const bool goes_on = plan_->stages[next].block == plan_->stages[stage].block;
  if (plan_->stages[stage].kind == StageKind::kRoute) {
    if (!goes_on) return "";
    bool fell_back = false;
    const size_t picks = PicksOf(*plan_, tasks_, stage, &fell_back).size();
    return fell_back ? absl::StrCat("the router picked nobody, so the first ", picks, " agents run")
                     : "";
  }
  return goes_on ? std::string() : OutcomeOf(*plan_, tasks_, stage).unmet;
}

// Why stage `next` is not to be started, or "".
std::string JobMachine::WhyLeftOut(uint32_t next) {
  if (next == aggregator_stage()) return "";
  if (now_ >= accepted_at_ + AggregatorStart(*plan_)) {
    return "the time kept for the aggregator has begun";
  }
  if (!budget_.limited()) return "";
  const Outcome handed = HandedOnTo(next);
  PrepareInputs(next, handed);
  const Spend used = Committed();
  const bool proposes = plan_->stages[next].kind == StageKind::kPropose;
  const Spend aggregator =
      proposes || stages_started_ == 0 ? budget_.Aggregator() : AggregatorReserve();
  std::string refusal;
  for (const uint32_t i : TasksToRun(*plan_, tasks_, next, handed)) {
    const Spend call = budget_.WorstCase(inputs_.Make(i, plan_->tasks[i].agent->model, seed_));
    Spend reserve = aggregator;
    if (proposes) reserve += budget_.PossibleReference(*plan_->tasks[i].agent);
    Spend total = used;
    total += call;
    total += reserve;
    if (budget_.Fits(total)) return "";
    if (refusal.empty()) refusal = budget_.Refusal(used, call, reserve);
  }
  return refusal;
}

// What `stage` gets from the blocks before its own, once the running stage is over.
Outcome JobMachine::HandedOnTo(uint32_t stage) const {
  if (stages_started_ == 0) return {};
  const Stage& running = plan_->stages[running_stage()];
  // A router's block has no answers yet: where it is broken off, those of the block before go on.
  if (running.block == plan_->stages[stage].block || running.kind == StageKind::kRoute) {
    return handed_;
  }
  return OutcomeOf(*plan_, tasks_, running_stage());
}

void JobMachine::StartStage(uint32_t index, Commands* commands) {
  const Outcome handed = HandedOnTo(index);
  PrepareInputs(index, handed);
  Append(LayerStarted{.stage = index,
                      .tasks = TasksToRun(*plan_, tasks_, index, handed),
                      .notes = NotesFor(index, handed)},
         commands);
  quorum_at_ = absl::InfiniteFuture();
  StartTasks(commands);
}

// Enqueues the running stage's open tasks; leaves out those that the budget does not hold together
// with the aggregator's call.
void JobMachine::StartTasks(Commands* commands) {
  const Stage& stage = plan_->stages[running_stage()];
  const bool aggregator = running_stage() == aggregator_stage();
  if (aggregator && (plan_->spec.moa.best_answer || handed_.is_answer)) return StandIn(commands);
  const bool proposes = stage.kind == StageKind::kPropose;
  commands->reserve(commands->size() + stage.task_count);
  Spend used;
  Spend reserve;
  if (budget_.limited()) {
    used = Committed();
    if (!aggregator) reserve = proposes ? budget_.Aggregator() : AggregatorReserve();
    for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
      if (!proposes || tasks_[i].state != TaskState::kSucceeded) continue;
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
    if (proposes) kept += budget_.PossibleReference(*plan_->tasks[i].agent);
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

// The best of the answers handed on takes the place of the aggregator's. REQUIRES: that is what runs.
void JobMachine::StandIn(Commands* commands) {
  const Task& task = tasks_[plan_->aggregator_task()];
  if (task.finished) return;
  TaskResult result = task.result;
  if (handed_.best.has_value()) {
    const TaskResult& best = tasks_[*handed_.best].result;
    result.state = TaskState::kSucceeded;
    result.model = best.model;
    result.completion = best.completion;
    // Counted where it was made.
    result.completion.usage = Usage();
    result.completion.time_info = TimeInfo();
  } else {
    result.state = TaskState::kFailed;
    result.error = {.code = ErrorCode::kMalformedResponse, .message = "no agent has answered"};
    for (const Task& other : tasks_) {
      if (other.finished && other.state == TaskState::kFailed) result.error = other.result.error;
    }
  }
  result.cost_usd = 0;
  Append(TaskFinished{.result = std::move(result)}, commands);
  Settle(commands);
}

void JobMachine::PrepareInputs(uint32_t index, const Outcome& handed) {
  inputs_.Start(*plan_, index, MaterialOf(*plan_, tasks_, index, handed, seed_));
  budget_.StageChanged();
}

std::vector<std::string> JobMachine::NotesFor(uint32_t index, const Outcome& handed) const {
  constexpr size_t kNotesMax = 8;
  std::vector<std::string> notes;
  std::string decision = DecisionNote(*this, index, handed);
  if (!decision.empty()) notes.push_back(std::move(decision));
  for (const uint32_t task : TasksToRun(*plan_, tasks_, index, handed)) {
    const std::string fit = inputs_.FitNote(task, plan_->tasks[task].agent->model);
    if (fit.empty()) continue;
    std::string note = absl::StrCat(plan_->tasks[task].agent->name, ": ", fit);
    if (notes.size() < kNotesMax && (notes.empty() || notes.back() != note)) {
      notes.push_back(std::move(note));
    }
  }
  return notes;
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
  // What is wrong with the aggregator itself, or with what was asked for, is not to be glossed over.
  if (handed_.best.has_value() && result.state == TaskState::kFailed &&
      IsPassing(result.error.code)) {
    if (degradations_.empty() || degradations_.back().stage != aggregator_stage()) {
      Append(JobDegraded{.stage = aggregator_stage(),
                         .survivors = static_cast<uint32_t>(handed_.answers.size()),
                         .failed = 1,
                         .reason = StandInReason(*this)},
             commands);
    }
    End(JobState::kSucceeded, {}, commands);
    return;
  }
  Error error = result.error;
  const std::string what =
      result.attempts == 0 ? (plan_->spec.moa.best_answer ? "there is no answer: "
                                                          : "the aggregator could not be asked: ")
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

const Completion& JobMachine::answer() const {
  const Task& aggregator = tasks_[plan_->aggregator_task()];
  const bool stands_in = aggregator.state != TaskState::kSucceeded && handed_.best.has_value();
  return stands_in ? tasks_[*handed_.best].result.completion : aggregator.result.completion;
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
