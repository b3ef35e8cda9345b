#include "coordinator/engine/job_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "coordinator/engine/job_wording.h"

namespace moa {
namespace {

uint64_t HashOf(const JobId& id) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : id.value()) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

// Chance comes from the recorded seed; from the job's id too, so that jobs of one seed do not retry
// in step.
uint64_t RetryRandom(uint64_t seed, const AttemptRef& ref) {
  return MixBits(MixBits(seed ^ HashOf(ref.job)) ^
                 MixBits((uint64_t{ref.task} << 32) | ref.attempt));
}

// As stored and shown: whole microseconds, never negative.
absl::Duration Measured(absl::Duration duration) {
  return absl::Trunc(std::max(duration, absl::ZeroDuration()), absl::Microseconds(1));
}

bool HasContent(const Completion& completion) {
  return !absl::StripAsciiWhitespace(completion.content.view()).empty();
}

}  // namespace

JobMachine::JobMachine(JobId id, std::shared_ptr<const Plan> plan, const Options& options)
    : id_(std::move(id)), plan_(std::move(plan)), options_(options) {
  tasks_.resize(plan_->tasks.size());
  for (uint32_t i = 0; i < tasks_.size(); ++i) {
    tasks_[i].result.task = i;
    tasks_[i].result.model = plan_->tasks[i].agent->model;
    tasks_[i].result.state = TaskState::kSkipped;
  }
}

void JobMachine::Resume(absl::Time now, Commands* commands) {
  MOA_CHECK(!resumed_ && last_sequence_ > 0);
  resumed_ = true;
  if (ended()) return;
  now_ = std::max(now_, now);
  if (fatal_task_.has_value()) {
    EndByFatalError(*fatal_task_, commands);
  } else if (progress_.unfinished == 0) {
    Settle(commands);
  } else if (now_ >= deadline_) {
    EndByDeadline(commands);
  } else {
    PrepareInputs();
    const Stage& stage = plan_->stages[running_stage()];
    for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
      if (tasks_[i].state == TaskState::kQueued) Enqueue(i, commands);
    }
  }
}

void JobMachine::Apply(const Event& event, absl::Time now, Commands* commands) {
  MOA_CHECK(resumed_);
  if (ended()) {
    ++stale_events_;
    return;
  }
  now_ = std::max(now_, now);
  if (!std::visit([&](const auto& happened) { return On(happened, commands); }, event)) {
    ++stale_events_;
    return;
  }
  // Only now: a result that is there when the deadline passes counts.
  if (!ended() && now_ >= deadline_) EndByDeadline(commands);
}

absl::Time JobMachine::NextDeadline() const {
  if (!resumed_ || ended()) return absl::InfiniteFuture();
  return waiting_.empty() ? deadline_ : std::min(deadline_, waiting_.begin()->first);
}

void JobMachine::Advance(absl::Time now, Commands* commands) {
  MOA_CHECK(resumed_);
  if (ended()) return;
  now_ = std::max(now_, now);
  if (now_ >= deadline_) {
    EndByDeadline(commands);
    return;
  }
  while (!waiting_.empty() && waiting_.begin()->first <= now_) {
    const uint32_t task = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    Enqueue(task, commands);
  }
}

CallInput JobMachine::Input(uint32_t task) const {
  MOA_CHECK(resumed_ && !ended() && plan_->tasks[task].stage == running_stage());
  return inputs_.Make(*plan_, task, seed_);
}

// ------------------------------------------------------------------------------------------------
// Events

JobMachine::Task* JobMachine::Current(const AttemptRef& ref, TaskState state) {
  if (ref.attempt == 0 || ref.task >= tasks_.size()) return nullptr;
  Task& task = tasks_[ref.task];
  return task.state == state && task.current == ref ? &task : nullptr;
}

bool JobMachine::On(const AttemptDispatched& event, Commands* /*commands*/) {
  Task* task = Current(event.ref, TaskState::kQueued);
  if (task == nullptr) return false;
  task->state = TaskState::kRunning;
  task->worker = event.worker;
  task->dispatched_at = now_;
  ++task->attempts;
  if (state_ == JobState::kQueued) state_ = JobState::kRunning;
  return true;
}

bool JobMachine::On(const AttemptAdopted& event, Commands* commands) {
  const AttemptRef& ref = event.ref;
  if (Task* task = Current(ref, TaskState::kRunning); task != nullptr) {
    task->worker = event.worker;  // the worker came back before its loss was noticed
    return true;
  }
  if (ref.job != id_ || ref.task >= tasks_.size() || ref.attempt == 0) return false;
  Task& task = tasks_[ref.task];
  const bool own = ref.epoch == options_.epoch;
  // A later owner's attempt, or one of ours that was never made: nothing of this machine's.
  if (ref.epoch > options_.epoch || (own && ref.attempt > task.last_attempt)) return false;
  if (task.state != TaskState::kQueued) return false;
  const std::pair<uint64_t, uint32_t> key(ref.epoch, ref.attempt);
  if (std::find(task.failed.begin(), task.failed.end(), key) != task.failed.end()) return false;
  // Queued and named by us: it was never given to anybody, so nobody can hold it.
  if (task.current == ref) return false;
  if (task.current.attempt != 0) {
    commands->emplace_back(DequeueAttempt{.ref = task.current});
  } else {
    waiting_.erase({task.retry_at, ref.task});
    task.retry_at = absl::InfiniteFuture();
  }
  // Ours were counted when they were dispatched; of an earlier owner's the number tells how many
  // there were.
  if (!own) task.attempts = std::max(task.attempts + 1, ref.attempt);
  // It was only out of sight: what was counted as its loss was none.
  if (own && task.worker_losses > 0) --task.worker_losses;
  task.state = TaskState::kRunning;
  task.current = ref;
  task.last_attempt = std::max(task.last_attempt, ref.attempt);
  task.worker = event.worker;
  task.dispatched_at = now_;
  if (state_ == JobState::kQueued) state_ = JobState::kRunning;
  return true;
}

bool JobMachine::On(const AttemptSucceeded& event, Commands* commands) {
  Task* task = Current(event.ref, TaskState::kRunning);
  if (task == nullptr) return false;
  const uint32_t index = event.ref.task;
  // An adopted attempt began before it was adopted.
  task->dispatched_at = std::min(task->dispatched_at, now_ - event.run);
  const bool calls_tools =
      index == plan_->aggregator_task() && !event.completion.tool_calls.empty();
  if (!HasContent(event.completion) && !calls_tools) {
    task->wasted += event.completion.usage;
    Fail(index,
         {.code = ErrorCode::kMalformedResponse,
          .message = NoContentMessage(event.completion.finish_reason)},
         commands);
    return true;
  }
  TaskResult result = task->result;
  result.state = TaskState::kSucceeded;
  result.completion = event.completion;
  result.run = Measured(event.run);
  result.ttft = Measured(event.ttft);
  Finish(index, std::move(result), commands);
  return true;
}

bool JobMachine::On(const AttemptFailed& event, Commands* commands) {
  Task* task = Current(event.ref, TaskState::kRunning);
  if (task == nullptr) return false;
  const ErrorCode code = event.error.code;
  task->wasted += event.usage;
  task->last_error = event.error;
  task->last_error.message = Presentable(event.error.message);
  if (code == ErrorCode::kWorkerLost) {
    ++task->worker_losses;
  } else {
    task->failed.emplace_back(event.ref.epoch, event.ref.attempt);
    ++(IsRefusal(code) ? task->refusals : task->failures);
  }
  const uint32_t index = event.ref.task;
  const RetryDecision decision = DecideRetry(options_.retry,
                                             {.code = code,
                                              .retryable = event.retryable,
                                              .retry_after = event.retry_after,
                                              .attempts = task->failures,
                                              .refusals = task->refusals,
                                              .worker_losses = task->worker_losses},
                                             RetryRandom(seed_, event.ref));
  if (!decision.retry) {
    Fail(index, task->last_error, commands);
  } else if (decision.delay <= absl::ZeroDuration()) {
    Enqueue(index, commands);
  } else if (now_ + decision.delay < deadline_) {
    WaitForRetry(index, decision.delay);
  } else {
    Error error = task->last_error;
    error.message = Presentable(absl::StrCat(Utf8Prefix(error.message, kErrorMessageMax / 2),
                                             " (not tried again: the next attempt could ",
                                             "start in ", absl::FormatDuration(decision.delay),
                                             " at the earliest, after the deadline)"));
    Fail(index, std::move(error), commands);
  }
  return true;
}

bool JobMachine::On(const CancelRequested& event, Commands* commands) {
  End(JobState::kCancelled,
      {.code = ErrorCode::kCancelled,
       .message = Presentable(event.reason.empty() ? "cancelled"
                                                   : absl::StrCat("cancelled: ", event.reason))},
      commands);
  return true;
}

// ------------------------------------------------------------------------------------------------
// Tasks

void JobMachine::Enqueue(uint32_t index, Commands* commands) {
  Task& task = tasks_[index];
  const PlannedTask& planned = plan_->tasks[index];
  task.state = TaskState::kQueued;
  task.retry_at = absl::InfiniteFuture();
  task.current = {
      .job = id_, .task = index, .attempt = ++task.last_attempt, .epoch = options_.epoch};
  const auto stages = static_cast<uint32_t>(plan_->stages.size());
  commands->emplace_back(EnqueueAttempt{
      .ref = task.current, .model = planned.agent->model, .stages_left = stages - planned.stage});
}

void JobMachine::WaitForRetry(uint32_t index, absl::Duration delay) {
  Task& task = tasks_[index];
  task.state = TaskState::kQueued;
  task.current = AttemptRef();
  task.retry_at = now_ + delay;
  waiting_.emplace(task.retry_at, index);
}

void JobMachine::Fail(uint32_t index, Error error, Commands* commands) {
  TaskResult result = tasks_[index].result;
  result.state = TaskState::kFailed;
  result.error = std::move(error);
  result.run = Measured(now_ - tasks_[index].dispatched_at);
  Finish(index, std::move(result), commands);
}

void JobMachine::Finish(uint32_t index, TaskResult result, Commands* commands) {
  const Task& task = tasks_[index];
  result.attempts = task.attempts;
  result.queue = Measured(task.dispatched_at - task.ready_at);
  result.worker = task.worker;
  result.wasted = task.wasted;
  Append(TaskFinished{.result = std::move(result)}, commands);
  if (fatal_task_.has_value()) {
    EndByFatalError(*fatal_task_, commands);
  } else if (progress_.unfinished == 0) {
    Settle(commands);
  }
}

// ------------------------------------------------------------------------------------------------
// Stages

// The running stage, if there is one, has no unfinished task: goes on to what comes after it.
void JobMachine::Settle(Commands* commands) {
  const auto aggregator = static_cast<uint32_t>(plan_->stages.size()) - 1;
  if (stages_started_ == 0) {
    if (now_ >= deadline_) return EndByDeadline(commands);
    return StartStage(0, commands);
  }
  const uint32_t stage = running_stage();
  if (stage == aggregator) return EndByAggregator(commands);
  const bool recorded = !degradations_.empty() && degradations_.back().stage == stage;
  if (progress_.failed > 0 && !recorded) {
    Append(JobDegraded{.stage = stage,
                       .survivors = progress_.survivors,
                       .failed = progress_.failed,
                       .reason = DegradedReason(*this)},
           commands);
  }
  if (now_ >= deadline_) return EndByDeadline(commands);
  StartStage(progress_.survivors > 0 ? stage + 1 : aggregator, commands);
}

void JobMachine::StartStage(uint32_t index, Commands* commands) {
  Append(LayerStarted{.stage = index}, commands);
  PrepareInputs();
  const Stage& stage = plan_->stages[index];
  commands->reserve(commands->size() + stage.task_count);
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    Enqueue(i, commands);
  }
}

// The answers of the stage just before are the running stage's references, and only those.
void JobMachine::PrepareInputs() {
  std::vector<Reference> references;
  if (running_stage() > 0) {
    const Stage& before = plan_->stages[running_stage() - 1];
    for (uint32_t i = before.first_task; i < before.first_task + before.task_count; ++i) {
      if (tasks_[i].state != TaskState::kSucceeded) continue;
      references.push_back({.content = tasks_[i].result.completion.content});
    }
  }
  inputs_.Start(*plan_, running_stage(), references);
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
  error.message = Presentable(
      absl::StrCat("the aggregator failed after ", result.attempts,
                   result.attempts == 1 ? " attempt: " : " attempts: ", result.error.message));
  End(JobState::kFailed, std::move(error), commands);
}

void JobMachine::EndByFatalError(uint32_t index, Commands* commands) {
  Error error = tasks_[index].result.error;
  error.message = Presentable(absl::StrCat(TaskName(*plan_, index), ": ", error.message,
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
      const Task& task = tasks_[i];
      if (task.current.attempt == 0) continue;
      if (task.state == TaskState::kQueued) {
        commands->emplace_back(DequeueAttempt{.ref = task.current});
      } else if (task.state == TaskState::kRunning) {
        commands->emplace_back(CancelAttempt{.ref = task.current});
      }
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
