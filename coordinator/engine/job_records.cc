// The durable half of JobMachine: how records change it. Live records go the same way as replayed
// ones, so that a restart brings back what was there.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "coordinator/engine/job_machine.h"

namespace moa {
namespace {

absl::Status DoesNotFit(const JobId& id, const Record& record, absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat("job ", id.value(), ": record ", record.sequence, " does not fit: ", why));
}

// The states in which a record may say that a task finished.
bool IsFinal(TaskState state) {
  return state != TaskState::kQueued && state != TaskState::kRunning;
}

}  // namespace

absl::Status JobMachine::Replay(const Record& record) {
  MOA_CHECK(!resumed_);
  if (absl::Status fits = CheckFits(record); !fits.ok()) return fits;
  Fold(record);
  return absl::OkStatus();
}

void JobMachine::Append(Happening what, Commands* commands) {
  AppendRecord command;
  command.record = {.sequence = last_sequence_ + 1, .time = now_, .what = std::move(what)};
  Fold(command.record);
  commands->emplace_back(std::move(command));
}

absl::Status JobMachine::CheckFits(const Record& record) const {
  if (record.sequence != last_sequence_ + 1) {
    return DoesNotFit(id_, record, absl::StrCat("expected number ", last_sequence_ + 1));
  }
  if (ended()) return DoesNotFit(id_, record, "the job has ended");
  if (std::holds_alternative<JobAccepted>(record.what) != (last_sequence_ == 0)) {
    return DoesNotFit(id_, record, "a job's first record, and only that, says accepted");
  }
  if (const auto* started = std::get_if<LayerStarted>(&record.what)) {
    const bool next = started->stage == stages_started_;
    const bool rounds_over =
        stages_started_ > 0 && started->stage == plan_->NextBlock(running_stage());
    const bool passed_over =
        started->stage == aggregator_stage() && stages_started_ <= aggregator_stage();
    if (started->stage > aggregator_stage() || progress_.unfinished > 0 ||
        (!next && !rounds_over && !passed_over)) {
      return DoesNotFit(id_, record, absl::StrCat("stage ", started->stage, " is not the next"));
    }
  }
  if (const auto* finished = std::get_if<TaskFinished>(&record.what)) {
    const uint32_t task = finished->result.task;
    if (task >= tasks_.size() || stages_started_ == 0 ||
        plan_->tasks[task].stage != running_stage()) {
      return DoesNotFit(id_, record, absl::StrCat("task ", task, " is not in the running stage"));
    }
    const TaskState now = tasks_[task].state;
    const bool open = now == TaskState::kQueued || now == TaskState::kRunning;
    if (!open || tasks_[task].finished || !IsFinal(finished->result.state)) {
      return DoesNotFit(id_, record, absl::StrCat("task ", task, " cannot finish (again)"));
    }
  }
  if (const auto* degraded = std::get_if<JobDegraded>(&record.what)) {
    const bool again = !degradations_.empty() && degradations_.back().stage == degraded->stage;
    // Before the first: all layers are left out.
    const uint32_t stage = stages_started_ == 0 ? 0 : running_stage();
    if (degraded->stage != stage || again || progress_.unfinished > 0) {
      return DoesNotFit(id_, record, "no stage just lost agents");
    }
  }
  if (const auto* end = std::get_if<JobEnded>(&record.what); end != nullptr) {
    if (!IsTerminal(end->state)) return DoesNotFit(id_, record, "its state is not terminal");
  }
  return absl::OkStatus();
}

void JobMachine::Fold(const Record& record) {
  last_sequence_ = record.sequence;
  now_ = std::max(now_, record.time);
  if (const auto* accepted = std::get_if<JobAccepted>(&record.what)) {
    seed_ = accepted->seed;
    trace_ = accepted->trace;
    accepted_at_ = record.time;
    deadline_ = accepted_at_ + plan_->deadline;
  } else if (const auto* started = std::get_if<LayerStarted>(&record.what)) {
    handed_ = HandedOnTo(started->stage);
    const std::vector<uint32_t> run = TasksToRun(*plan_, tasks_, started->stage, handed_);
    stages_started_ = started->stage + 1;
    notes_[started->stage] = started->notes;
    progress_ = {.unfinished = static_cast<uint32_t>(run.size())};
    for (const uint32_t i : run) {
      tasks_[i].state = TaskState::kQueued;
      tasks_[i].ready_at = record.time;
    }
  } else if (const auto* finished = std::get_if<TaskFinished>(&record.what)) {
    FoldTask(finished->result);
  } else if (const auto* degraded = std::get_if<JobDegraded>(&record.what)) {
    degradations_.push_back(*degraded);
  } else {
    ended_at_ = record.time;
    FoldEnd(std::get<JobEnded>(record.what));
  }
}

void JobMachine::FoldTask(const TaskResult& result) {
  Task& task = tasks_[result.task];
  task.state = result.state;
  task.finished = true;
  task.result = result;
  task.attempts = result.attempts;
  task.wasted = result.wasted;
  task.worker = result.worker;
  task.hedged = result.hedged;
  task.failed_attempts.clear();  // part of the result now
  task.current = AttemptRef();
  task.hedge = TaskHedge();
  task.retry_at = absl::InfiniteFuture();
  --progress_.unfinished;
  if (result.attempts > 0 && state_ == JobState::kQueued) state_ = JobState::kRunning;
  if (!plan_->tasks[result.task].agent->grader) {
    finished_usage_.upstream_calls += result.attempts;
  }
  finished_usage_.tokens += result.wasted;
  finished_usage_.cost_usd +=
      result.cost_usd.has_value()
          ? *result.cost_usd
          : Cost(result.model, result.wasted) + Cost(result.model, result.completion.usage);
  if (result.state != TaskState::kSucceeded) {
    if (result.error.code == ErrorCode::kNotNeeded) return;
    ++progress_.lost;
    const bool fatal = result.state == TaskState::kFailed && IsFatalToJob(result.error.code);
    if (fatal && !fatal_task_.has_value()) fatal_task_ = result.task;
    return;
  }
  ++progress_.survivors;
  finished_usage_.tokens += result.completion.usage;
  if (result.run > progress_.longest) {
    critical_path_ += result.run - progress_.longest;
    progress_.longest = result.run;
  }
}

void JobMachine::FoldEnd(const JobEnded& ended) {
  state_ = ended.state;
  end_ = ended;
  waiting_.clear();
  closing_.clear();
  inputs_.Clear();
  if (stages_started_ == 0) return;
  const Stage& stage = plan_->stages[running_stage()];
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    Task& task = tasks_[i];
    if (task.state != TaskState::kQueued && task.state != TaskState::kRunning) continue;
    task.result.model = model(i);
    task.state = TaskState::kCancelled;
    task.current = AttemptRef();
    task.hedge = TaskHedge();
    task.retry_at = absl::InfiniteFuture();
    task.result.state = TaskState::kCancelled;
    task.result.attempts = task.attempts;
    task.result.wasted = task.wasted;
    task.result.worker = task.worker;
    task.result.hedged = task.hedged;
    task.result.failed_attempts = std::move(task.failed_attempts);
  }
  progress_.unfinished = 0;
}

JobUsage JobMachine::usage() const {
  if (end_.has_value()) return end_->usage;
  JobUsage sum = finished_usage_;
  sum.tokens += closed_usage_.tokens;
  sum.cost_usd += closed_usage_.cost_usd;
  if (progress_.unfinished == 0) return sum;
  const Stage& stage = plan_->stages[running_stage()];
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const Task& task = tasks_[i];
    if (task.finished) continue;
    if (!plan_->tasks[i].agent->grader) sum.upstream_calls += task.attempts;
    sum.tokens += task.wasted;
    sum.cost_usd += task.wasted_cost_usd;
  }
  return sum;
}

double JobMachine::Cost(absl::string_view model, const Usage& usage) const {
  return options_.models == nullptr ? 0 : options_.models->CostUsd(model, usage);
}

void JobMachine::CheckInvariants() const {
  uint32_t unfinished = 0;
  size_t waiting = 0;
  for (uint32_t i = 0; i < tasks_.size(); ++i) {
    const Task& task = tasks_[i];
    const uint32_t stage = plan_->tasks[i].stage;
    const bool open = task.state == TaskState::kQueued || task.state == TaskState::kRunning;
    if (open) {
      MOA_CHECK(!ended() && stages_started_ > 0 && stage == running_stage());
      ++unfinished;
    }
    // An earlier stage's tasks have all finished or were passed over; a later stage's have not
    // begun.
    if (stage >= stages_started_) MOA_CHECK(task.state == TaskState::kSkipped && !task.finished);
    if (task.state == TaskState::kCancelled) MOA_CHECK(ended() || task.finished);
    const bool has_attempt = task.current.attempt != 0;
    MOA_CHECK(!has_attempt || (open && task.current.job == id_ && task.current.task == i &&
                               task.current.attempt <= task.last_attempt));
    if (task.state == TaskState::kRunning) MOA_CHECK(has_attempt);
    const TaskHedge& hedge = task.hedge;
    if (hedge.ref.attempt != 0) {
      MOA_CHECK(task.state == TaskState::kRunning && hedge.ref != task.current);
      MOA_CHECK(hedge.ref.job == id_ && hedge.ref.task == i &&
                hedge.ref.attempt <= task.last_attempt && closing_.count(hedge.ref) == 0);
    }
    if (has_attempt) MOA_CHECK(closing_.count(task.current) == 0);
    if (waiting_.count({task.retry_at, i}) > 0) {
      MOA_CHECK(task.state == TaskState::kQueued && !has_attempt);
      ++waiting;
    } else if (resumed_ && task.state == TaskState::kQueued) {
      MOA_CHECK(has_attempt);
    }
    if (task.finished) {
      MOA_CHECK(!open && task.result.state == task.state && task.result.task == i);
    }
  }
  MOA_CHECK(unfinished == progress_.unfinished);
  MOA_CHECK(waiting == waiting_.size());
  MOA_CHECK(ended() == end_.has_value());
  // A job that was resumed and has not ended always has something to wait for.
  if (resumed_ && !ended()) MOA_CHECK(progress_.unfinished > 0);
  if (resumed_ && !ended() && !waiting_.empty()) MOA_CHECK(waiting_.begin()->first < deadline_);
}

}  // namespace moa
