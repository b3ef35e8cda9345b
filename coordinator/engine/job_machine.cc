#include "coordinator/engine/job_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "coordinator/engine/fallback_policy.h"
#include "coordinator/engine/job_wording.h"
#include "coordinator/engine/judgement.h"

namespace moa {
namespace {

bool HasContent(const Completion& completion) {
  return !absl::StripAsciiWhitespace(completion.content.view()).empty();
}

}  // namespace

JobMachine::JobMachine(JobId id, std::shared_ptr<const Plan> plan, const Options& options)
    : id_(std::move(id)),
      plan_(std::move(plan)),
      options_(options),
      inputs_(options.models, options.estimator),
      budget_(*plan_, options.models, options.estimator) {
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
    PrepareInputs(running_stage(), handed_);
    StartTasks(commands);
    if (!ended() && !CutSuperfluous(commands)) WatchQuorum();
  }
  MeetLimits(commands);
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
  // Only now: a result that is there when the time is over counts.
  MeetLimits(commands);
}

absl::Time JobMachine::NextDeadline() const {
  if (!resumed_ || ended()) return absl::InfiniteFuture();
  const absl::Time next = std::min(deadline_, CutAt());
  return waiting_.empty() ? next : std::min(next, waiting_.begin()->first);
}

void JobMachine::Advance(absl::Time now, Commands* commands) {
  MOA_CHECK(resumed_);
  if (ended()) return;
  now_ = std::max(now_, now);
  MeetLimits(commands);
  while (!waiting_.empty() && waiting_.begin()->first <= now_) {
    const uint32_t task = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    EnqueueAgain(task, commands);
  }
  MeetLimits(commands);
}

CallInput JobMachine::Input(uint32_t task) const {
  MOA_CHECK(resumed_ && !ended() && plan_->tasks[task].stage == running_stage());
  return inputs_.Make(task, model(task), seed_);
}

const std::string& JobMachine::model(uint32_t task) const {
  if (tasks_[task].finished) return tasks_[task].result.model;
  return ModelAt(*plan_->tasks[task].agent, tasks_[task].model);
}

// ------------------------------------------------------------------------------------------------
// Events

bool JobMachine::Runs(const AttemptRef& ref) const {
  if (ref.attempt == 0 || ref.task >= tasks_.size()) return false;
  const Task& task = tasks_[ref.task];
  const bool current = task.state == TaskState::kRunning && task.current == ref;
  return current || (task.hedge.running && task.hedge.ref == ref);
}

// The report of an attempt that was cancelled while its job goes on: what it used is all that counts.
bool JobMachine::TakeClosed(const AttemptRef& ref, const Usage& usage) {
  const auto it = closing_.find(ref);
  if (it == closing_.end()) return false;
  closed_usage_.tokens += usage;
  closed_usage_.cost_usd += Cost(model(ref.task), usage);
  if (TokensOf(usage) > 0) unknown_ -= it->second;
  closing_.erase(it);
  return true;
}

bool JobMachine::On(const AttemptDispatched& event, Commands* /*commands*/) {
  const AttemptRef& ref = event.ref;
  if (ref.attempt == 0 || ref.task >= tasks_.size()) return false;
  Task& task = tasks_[ref.task];
  if (task.hedge.ref == ref && !task.hedge.running) {
    task.hedge.running = true;
    task.hedge.worker = event.worker;
    task.hedge.dispatched_at = now_;
    task.hedged = true;
  } else if (task.state == TaskState::kQueued && task.current == ref) {
    task.state = TaskState::kRunning;
    task.worker = event.worker;
    task.dispatched_at = now_;
  } else {
    return false;
  }
  ++task.attempts;
  if (state_ == JobState::kQueued) state_ = JobState::kRunning;
  return true;
}

bool JobMachine::On(const AttemptAdopted& event, Commands* commands) {
  const AttemptRef& ref = event.ref;
  if (Runs(ref)) {
    // The worker came back before its loss was noticed.
    Task& task = tasks_[ref.task];
    (task.current == ref ? task.worker : task.hedge.worker) = event.worker;
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
  for (auto it = task.lost.begin(); it != task.lost.end(); ++it) {
    if (it->first != ref) continue;
    unknown_ -= it->second;
    task.lost.erase(it);
    break;
  }
  if (budget_.limited()) task.reserved = budget_.WorstCase(Input(ref.task));
  task.state = TaskState::kRunning;
  task.current = ref;
  task.last_attempt = std::max(task.last_attempt, ref.attempt);
  task.worker = event.worker;
  task.dispatched_at = now_;
  if (state_ == JobState::kQueued) state_ = JobState::kRunning;
  return true;
}

bool JobMachine::On(const AttemptSucceeded& event, Commands* commands) {
  if (TakeClosed(event.ref, event.completion.usage)) return true;
  if (!Runs(event.ref)) return false;
  const uint32_t index = event.ref.task;
  Task& task = tasks_[index];
  // An adopted attempt began before it was adopted.
  absl::Time& dispatched =
      task.current == event.ref ? task.dispatched_at : task.hedge.dispatched_at;
  dispatched = std::min(dispatched, now_ - event.run);
  const bool calls_tools =
      index == plan_->aggregator_task() && !event.completion.tool_calls.empty();
  const bool has_content = HasContent(event.completion);
  const bool is_readable =
      has_content && IsReadable(*plan_, tasks_, index, event.completion.content.view());
  if ((!has_content && !calls_tools) || (has_content && !is_readable)) {
    const AttemptFailed failed{
        .ref = event.ref,
        .error = {.code = ErrorCode::kMalformedResponse,
                  .message = has_content ? UnreadableMessage(*this, index, event.completion)
                                         : NoContentMessage(event.completion.finish_reason)},
        .usage = event.completion.usage};
    if (DropFailed(task, failed)) GoOnAfter(index, failed, commands);
    return true;
  }
  KeepOnly(task, event.ref, commands);
  TaskResult result = task.result;
  result.state = TaskState::kSucceeded;
  result.completion = event.completion;
  result.run = Measured(event.run);
  result.ttft = Measured(event.ttft);
  Finish(index, std::move(result), commands);
  return true;
}

bool JobMachine::On(const AttemptFailed& event, Commands* commands) {
  if (TakeClosed(event.ref, event.usage)) return true;
  if (!Runs(event.ref)) return false;
  if (DropFailed(tasks_[event.ref.task], event)) GoOnAfter(event.ref.task, event, commands);
  return true;
}

bool JobMachine::On(const HedgeRequested& event, Commands* commands) {
  if (!Runs(event.ref)) return false;
  Task& task = tasks_[event.ref.task];
  if (task.hedge.ref.attempt != 0) return false;
  Spend reserved;
  if (budget_.limited()) {
    reserved = budget_.WorstCase(Input(event.ref.task));
    Spend total = Committed();
    total += reserved;
    if (running_stage() != aggregator_stage()) total += AggregatorReserve();
    if (!budget_.Fits(total)) return false;
  }
  task.hedge = {.ref = NewAttempt(event.ref.task), .reserved = reserved};
  commands->emplace_back(EnqueueAttempt{.ref = task.hedge.ref,
                                        .model = model(event.ref.task),
                                        .stages_left = aggregator_stage() - running_stage() + 1,
                                        .hedge = true});
  return true;
}

bool JobMachine::On(const ModelClosed& event, Commands* commands) {
  const AttemptRef& ref = event.ref;
  if (ref.attempt == 0 || ref.task >= tasks_.size()) return false;
  Task& task = tasks_[ref.task];
  if (task.hedge.ref == ref && !task.hedge.running) {
    commands->emplace_back(DequeueAttempt{.ref = ref});
    task.hedge = TaskHedge();
    return true;
  }
  if (task.state != TaskState::kQueued || task.current != ref) return false;
  if (!IsLongWait(event.until - now_, deadline_ - now_)) return true;
  const std::optional<uint32_t> next =
      NextModel(*plan_->tasks[ref.task].agent, task.model, false, options_.models);
  if (!next.has_value()) return true;
  if (budget_.limited()) {
    Spend total = Committed();
    total -= task.reserved;
    total += budget_.WorstCase(
        inputs_.Make(ref.task, ModelAt(*plan_->tasks[ref.task].agent, *next), seed_));
    if (running_stage() != aggregator_stage()) total += AggregatorReserve();
    if (!budget_.Fits(total)) return true;
  }
  commands->emplace_back(DequeueAttempt{.ref = ref});
  task.current = AttemptRef();
  task.reserved = Spend();
  MoveOn(ref.task, false, commands);
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

}  // namespace moa
