// The attempts of a job's tasks: how they are made, dropped, made again and cancelled.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "coordinator/engine/fallback_policy.h"
#include "coordinator/engine/job_machine.h"
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

}  // namespace

AttemptRef JobMachine::NewAttempt(uint32_t index) {
  return {
      .job = id_, .task = index, .attempt = ++tasks_[index].last_attempt, .epoch = options_.epoch};
}

void JobMachine::Enqueue(uint32_t index, Commands* commands) {
  Task& task = tasks_[index];
  task.state = TaskState::kQueued;
  task.retry_at = absl::InfiniteFuture();
  task.current = NewAttempt(index);
  commands->emplace_back(
      EnqueueAttempt{.ref = task.current,
                     .model = model(index),
                     .stages_left = aggregator_stage() - plan_->tasks[index].stage + 1,
                     .retry = task.retrying});
}

// Unless the budget holds no further call: then the task has failed. REQUIRES: it has no attempt.
void JobMachine::EnqueueAgain(uint32_t index, Commands* commands) {
  if (!budget_.limited()) return Enqueue(index, commands);
  Task& task = tasks_[index];
  task.current = AttemptRef();
  task.state = TaskState::kQueued;
  task.reserved = Spend();
  const Spend used = Committed();
  const Spend call = budget_.WorstCase(Input(index));
  const Spend reserve = running_stage() == aggregator_stage() ? Spend() : AggregatorReserve();
  Spend total = used;
  total += call;
  total += reserve;
  if (budget_.Fits(total)) {
    task.reserved = call;
    return Enqueue(index, commands);
  }
  std::string message = budget_.Refusal(used, call, reserve);
  if (task.last_error.code != ErrorCode::kUnspecified) {
    absl::StrAppend(&message, "; the last attempt: ", ErrorCodeName(task.last_error.code), ": ",
                    Utf8Prefix(task.last_error.message, kErrorMessageMax / 2));
  }
  Fail(index, {.code = ErrorCode::kBudgetExceeded, .message = Presentable(std::move(message))},
       commands);
}

void JobMachine::WaitForRetry(uint32_t index, absl::Duration delay) {
  Task& task = tasks_[index];
  task.state = TaskState::kQueued;
  task.current = AttemptRef();
  task.reserved = Spend();
  task.retry_at = now_ + delay;
  waiting_.emplace(task.retry_at, index);
}

// Its last error is that of its current attempt, or its hedge.
void JobMachine::KeepFailed(uint32_t index, bool hedge) {
  Task& task = tasks_[index];
  std::vector<FailedCall>& kept = task.failed_attempts;
  if (kept.size() == kFailedAttemptsMax) kept.erase(kept.begin());
  const absl::Time dispatched_at = hedge ? task.hedge.dispatched_at : task.dispatched_at;
  Error error = task.last_error;
  error.message = std::string(Utf8Prefix(error.message, kFailedAttemptMessageMax));
  kept.push_back({.model = model(index),
                  .worker = hedge ? task.hedge.worker : task.worker,
                  .began = Measured(dispatched_at - task.ready_at),
                  .run = Measured(now_ - dispatched_at),
                  .error = std::move(error)});
}

// One of the task's running attempts has failed. False when another takes its place; else the task's
// current one is over, and what comes next is to be decided.
bool JobMachine::DropFailed(Task& task, const AttemptFailed& event) {
  const ErrorCode code = event.error.code;
  const bool hedge = task.hedge.ref == event.ref;
  const Spend reserved = hedge ? task.hedge.reserved : task.reserved;
  task.wasted += event.usage;
  task.wasted_cost_usd += Cost(model(event.ref.task), event.usage);
  if (budget_.limited() && TokensOf(event.usage) == 0 && !UsesNothing(code)) {
    const Spend charge{.tokens = reserved.tokens, .calls = 0, .cost_usd = reserved.cost_usd};
    unknown_ += charge;
    if (code == ErrorCode::kWorkerLost) task.lost.emplace_back(event.ref, charge);
  }
  task.last_error = event.error;
  task.last_error.message = Presentable(event.error.message);
  KeepFailed(event.ref.task, hedge);
  if (code != ErrorCode::kWorkerLost) {
    task.failed.emplace_back(event.ref.epoch, event.ref.attempt);
    task.retrying = task.retrying || !IsRefusal(code);
  }
  if (hedge) {
    task.hedge = TaskHedge();
    return false;
  }
  task.reserved = Spend();
  if (task.hedge.ref.attempt == 0) return true;
  task.state = task.hedge.running ? TaskState::kRunning : TaskState::kQueued;
  task.current = task.hedge.ref;
  task.dispatched_at = task.hedge.dispatched_at;
  task.worker = task.hedge.worker;
  task.reserved = task.hedge.reserved;
  task.hedge = TaskHedge();
  return false;
}

// The task's last living attempt has failed.
void JobMachine::GoOnAfter(uint32_t index, const AttemptFailed& event, Commands* commands) {
  Task& task = tasks_[index];
  const ErrorCode code = event.error.code;
  const bool refusal = IsRefusal(code);
  task.refusals_in_a_row = refusal ? task.refusals_in_a_row + 1 : 0;
  ++(code == ErrorCode::kWorkerLost ? task.worker_losses
                                    : (refusal ? task.refusals : task.failures));
  const RetryDecision decision = DecideRetry(options_.retry,
                                             {.code = code,
                                              .retryable = event.retryable,
                                              .retry_after = event.retry_after,
                                              .attempts = task.failures,
                                              .refusals = task.refusals,
                                              .worker_losses = task.worker_losses,
                                              .beyond_quota = event.beyond_quota},
                                             RetryRandom(seed_, event.ref));
  // The scheduler holds what was refused for as long as the provider said.
  const absl::Duration earliest =
      refusal ? event.retry_after.value_or(absl::ZeroDuration()) : decision.delay;
  const bool too_late = decision.retry && now_ + earliest >= deadline_;
  const FailedOnModel failed{.code = code,
                             .exhausted = !decision.retry || too_late,
                             .refusals_in_a_row = task.refusals_in_a_row,
                             .retry_after = event.retry_after,
                             .time_left = deadline_ - now_};
  const bool larger = FallbackRuleOf(code) == FallbackRule::kLargerContext;
  if (MovesOn(failed) && MoveOn(index, larger, commands)) return;
  if (too_late) {
    Error error = task.last_error;
    error.message = Presentable(absl::StrCat(Utf8Prefix(error.message, kErrorMessageMax / 2),
                                             " (not tried again: the next attempt could ",
                                             "start in ", absl::FormatDuration(earliest),
                                             " at the earliest, after the deadline)"));
    Fail(index, std::move(error), commands);
  } else if (!decision.retry) {
    Fail(index, task.last_error, commands);
  } else if (decision.delay <= absl::ZeroDuration()) {
    EnqueueAgain(index, commands);
  } else {
    WaitForRetry(index, decision.delay);
  }
}

// Turns to the agent's next model with fresh attempts; false when there is none. REQUIRES: the task
// has no living attempt.
bool JobMachine::MoveOn(uint32_t index, bool larger_context, Commands* commands) {
  Task& task = tasks_[index];
  const std::optional<uint32_t> next =
      NextModel(*plan_->tasks[index].agent, task.model, larger_context, options_.models);
  if (!next.has_value()) return false;
  task.model = *next;
  task.failures = 0;
  task.refusals = 0;
  task.refusals_in_a_row = 0;
  EnqueueAgain(index, commands);
  return true;
}

// Of a task's two attempts the other one is not wanted any more.
void JobMachine::KeepOnly(Task& task, const AttemptRef& winner, Commands* commands) {
  TaskHedge& hedge = task.hedge;
  if (hedge.ref.attempt == 0) return;
  if (task.current == winner) {
    Close(hedge.ref, hedge.running, hedge.reserved, commands);
  } else {
    Close(task.current, true, task.reserved, commands);
    task.current = hedge.ref;
    task.dispatched_at = hedge.dispatched_at;
    task.worker = hedge.worker;
    task.reserved = hedge.reserved;
  }
  hedge = TaskHedge();
}

void JobMachine::CloseAttempts(Task& task, Commands* commands) {
  if (task.hedge.ref.attempt != 0) {
    Close(task.hedge.ref, task.hedge.running, task.hedge.reserved, commands);
  }
  if (task.current.attempt != 0) {
    Close(task.current, task.state == TaskState::kRunning, task.reserved, commands);
  }
}

void JobMachine::Close(const AttemptRef& ref, bool running, const Spend& reserved,
                       Commands* commands) {
  if (!running) {
    commands->emplace_back(DequeueAttempt{.ref = ref});
    return;
  }
  commands->emplace_back(CancelAttempt{.ref = ref});
  const Spend charge{.tokens = reserved.tokens, .calls = 0, .cost_usd = reserved.cost_usd};
  closing_.emplace(ref, charge);
  unknown_ += charge;
}

void JobMachine::Fail(uint32_t index, Error error, Commands* commands) {
  TaskResult result = tasks_[index].result;
  result.state = TaskState::kFailed;
  result.error = std::move(error);
  if (tasks_[index].attempts > 0) result.run = Measured(now_ - tasks_[index].dispatched_at);
  Finish(index, std::move(result), commands);
}

void JobMachine::Finish(uint32_t index, TaskResult result, Commands* commands) {
  Conclude(index, std::move(result), commands);
  if (fatal_task_.has_value()) {
    EndByFatalError(*fatal_task_, commands);
  } else if (progress_.unfinished == 0) {
    Settle(commands);
  } else if (!CutSuperfluous(commands)) {
    WatchQuorum();
  }
}

void JobMachine::Conclude(uint32_t index, TaskResult result, Commands* commands) {
  const Task& task = tasks_[index];
  result.model = model(index);
  result.attempts = task.attempts;
  result.queue = Measured(task.dispatched_at - task.ready_at);
  result.worker = task.worker;
  result.wasted = task.wasted;
  result.hedged = task.hedged;
  result.failed_attempts = task.failed_attempts;
  result.cost_usd = task.wasted_cost_usd + Cost(result.model, result.completion.usage);
  Append(TaskFinished{.result = std::move(result)}, commands);
}

// What the job has used, and what its living attempts may.
Spend JobMachine::Committed() const {
  const JobUsage used = usage();
  Spend sum = unknown_;
  sum += {.tokens = TokensOf(used.tokens), .calls = used.upstream_calls, .cost_usd = used.cost_usd};
  if (progress_.unfinished == 0) return sum;
  const Stage& stage = plan_->stages[running_stage()];
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const Task& task = tasks_[i];
    if (task.finished || task.current.attempt == 0) continue;
    Spend held = task.reserved;
    held += task.hedge.reserved;
    // Dispatched calls were counted then.
    held.calls = (task.state == TaskState::kQueued ? 1 : 0) +
                 (task.hedge.ref.attempt != 0 && !task.hedge.running ? 1 : 0);
    sum += held;
  }
  return sum;
}

// The aggregator's call, should the running stage's answers be its references.
Spend JobMachine::AggregatorReserve() {
  Spend sum = budget_.Aggregator();
  const Stage& stage = plan_->stages[running_stage()];
  if (stage.kind != StageKind::kPropose) {
    for (const uint32_t task : OutcomeOf(*plan_, tasks_, running_stage()).answers) {
      sum += budget_.AcceptedReference(tasks_[task].result.completion.content);
    }
    return sum;
  }
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    if (tasks_[i].state == TaskState::kSucceeded) {
      sum += budget_.AcceptedReference(tasks_[i].result.completion.content);
    } else if (tasks_[i].state == TaskState::kQueued || tasks_[i].state == TaskState::kRunning) {
      sum += budget_.PossibleReference(*plan_->tasks[i].agent);
    }
  }
  return sum;
}

}  // namespace moa
