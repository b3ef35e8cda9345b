#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/job_budget.h"
#include "coordinator/engine/job_task.h"
#include "coordinator/engine/outcome.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/prompt.h"
#include "coordinator/engine/retry_policy.h"
#include "coordinator/engine/stage_inputs.h"
#include "coordinator/engine/types.h"

namespace moa {

// Runs one job: events in, ordered commands out. No clock, no threads, no I/O: whoever holds it
// says what time it is and carries the commands out.
//
// A job's life is its records. A new job is one whose history is a single JobAccepted; a job taken
// up after a crash has more. Both go the same way:
//
//   JobMachine machine(id, plan, {.epoch = 7});
//   for (const Record& record : history) MOA_RETURN_IF_ERROR(machine.Replay(record));
//   machine.Resume(now, &commands);
//   …
//   machine.Apply(AttemptSucceeded{…}, now, &commands);
//   machine.Advance(now, &commands);          // when NextDeadline() has come
//
// Owner: the runtime. Externally synchronised (the coordinator's loop). Invariants: stages run one
// after another; a task has at most one current attempt and, beside a running one, one hedge; a
// record is emitted once and in sequence; after JobEnded nothing is queued, running or emitted.
class JobMachine {
 public:
  using Options = JobOptions;
  using Task = JobTask;

  JobMachine(JobId id, std::shared_ptr<const Plan> plan, const Options& options);
  JobMachine(const JobMachine&) = delete;
  JobMachine& operator=(const JobMachine&) = delete;

  // Takes one record of the job's history, in sequence. DATA_LOSS: it does not fit what came before
  // (a gap, an unknown task); the job cannot be run. REQUIRES: Resume has not been called.
  absl::Status Replay(const Record& record);

  // Starts, or goes on from the last record. Emits nothing when the job has ended.
  // REQUIRES: at least one record was replayed.
  void Resume(absl::Time now, Commands* commands);

  // REQUIRES: Resume was called. Stale events change nothing but stale_events().
  void Apply(const Event& event, absl::Time now, Commands* commands);

  // When Advance has work to do next (a deadline, a retry, the end of a grace), or InfiniteFuture.
  absl::Time NextDeadline() const;
  void Advance(absl::Time now, Commands* commands);

  // What the attempts of `task` are to send. REQUIRES: the job was resumed and has not ended,
  // and the task's stage is the running one and was to run it.
  CallInput Input(uint32_t task) const;

  const JobId& id() const { return id_; }
  const Plan& plan() const { return *plan_; }
  JobState state() const { return state_; }
  bool ended() const { return IsTerminal(state_); }
  bool degraded() const { return !degradations_.empty(); }
  const std::vector<JobDegraded>& degradations() const { return degradations_; }
  const std::optional<JobEnded>& end() const { return end_; }
  absl::Time accepted_at() const { return accepted_at_; }
  absl::Time ended_at() const { return ended_at_; }
  uint64_t seed() const { return seed_; }
  const TraceHeaders& trace() const { return trace_; }  // the client's
  uint64_t last_sequence() const { return last_sequence_; }
  // Stages started or passed over so far; the running one is the last of them. Rounds that are not
  // needed are passed over, and all stages before the aggregator's when no agent of one answered, when
  // the time or the budget holds no more of them, and when a layer ends the job early. Tasks that do
  // not run stay SKIPPED.
  uint32_t stages_started() const { return stages_started_; }
  bool was_started(uint32_t stage) const { return notes_.count(stage) > 0; }
  // What was decided before the stage began. REQUIRES: was_started(stage).
  const std::vector<std::string>& notes(uint32_t stage) const { return notes_.at(stage); }
  const std::vector<Task>& tasks() const { return tasks_; }
  // What the blocks before the running stage's handed on to it.
  const Outcome& handed_on() const { return handed_; }
  // The answer of a job that has succeeded: the aggregator's, or the one that stands for it.
  const Completion& answer() const;
  const Task& task(uint32_t index) const { return tasks_[index]; }
  // Whether the attempt is one of those that are to run now. After AttemptDispatched: whether the
  // call is still to be made; time may have passed meanwhile and have ended the job or the stage.
  bool Runs(const AttemptRef& ref) const;
  // The model that `task` asks now, or that it asked last.
  const std::string& model(uint32_t task) const;
  JobUsage usage() const;  // so far
  absl::Duration critical_path() const { return critical_path_; }
  uint64_t stale_events() const { return stale_events_; }

  // Aborts when an invariant does not hold. For tests and simulations: linear in the plan.
  void CheckInvariants() const;

 private:
  using Happening = decltype(Record::what);

  // Each returns false when the event is stale (job_machine.cc).
  bool On(const AttemptDispatched& event, Commands* commands);
  bool On(const AttemptAdopted& event, Commands* commands);
  bool On(const AttemptSucceeded& event, Commands* commands);
  bool On(const AttemptFailed& event, Commands* commands);
  bool On(const HedgeRequested& event, Commands* commands);
  bool On(const ModelClosed& event, Commands* commands);
  bool On(const CancelRequested& event, Commands* commands);
  bool TakeClosed(const AttemptRef& ref, const Usage& usage);

  // Tasks and their attempts (job_attempts.cc).
  AttemptRef NewAttempt(uint32_t task);
  void Enqueue(uint32_t task, Commands* commands);
  void EnqueueAgain(uint32_t task, Commands* commands);
  void WaitForRetry(uint32_t task, absl::Duration delay);
  void KeepFailed(uint32_t index, bool hedge);
  bool DropFailed(Task& task, const AttemptFailed& event);
  void GoOnAfter(uint32_t task, const AttemptFailed& event, Commands* commands);
  bool MoveOn(uint32_t task, bool larger_context, Commands* commands);
  void KeepOnly(Task& task, const AttemptRef& winner, Commands* commands);
  void CloseAttempts(Task& task, Commands* commands);
  void Close(const AttemptRef& ref, bool running, const Spend& reserved, Commands* commands);
  void Fail(uint32_t task, Error error, Commands* commands);
  void Finish(uint32_t task, TaskResult result, Commands* commands);
  void Conclude(uint32_t task, TaskResult result, Commands* commands);
  Spend Committed() const;
  Spend AggregatorReserve();

  // Stages and the job's end (job_stages.cc).
  void Settle(Commands* commands);
  void StartStage(uint32_t stage, Commands* commands);
  void StartTasks(Commands* commands);
  void StandIn(Commands* commands);
  std::string WhyLeftOut(uint32_t stage);
  std::string WhatIsUnmet(uint32_t next) const;
  Outcome HandedOnTo(uint32_t stage) const;
  std::vector<std::string> NotesFor(uint32_t stage, const Outcome& handed) const;
  void PrepareInputs(uint32_t stage, const Outcome& handed);

  // Limits of a stage (job_limits.cc).
  const Quorum* RunningQuorum() const;
  void WatchQuorum();
  absl::Time CutAt() const;
  void CutStragglers(Commands* commands);
  void CancelOpenTasks(ErrorCode code, const std::string& reason, Commands* commands);
  bool CutSuperfluous(Commands* commands);
  void MeetLimits(Commands* commands);

  void EndByAggregator(Commands* commands);
  void EndByDeadline(Commands* commands);
  void EndByFatalError(uint32_t task, Commands* commands);
  void End(JobState state, Error error, Commands* commands);

  uint32_t running_stage() const { return stages_started_ - 1; }
  uint32_t aggregator_stage() const { return plan_->aggregator_stage(); }
  double Cost(absl::string_view model, const Usage& usage) const;
  // The fold of the records, the same for live and replayed ones (job_records.cc).
  void Append(Happening what, Commands* commands);
  absl::Status CheckFits(const Record& record) const;
  void Fold(const Record& record);
  void FoldTask(const TaskResult& result);
  void FoldEnd(const JobEnded& ended);

  // Constant after construction.
  const JobId id_;
  const std::shared_ptr<const Plan> plan_;  // owners: this and those who read the job
  const Options options_;

  // Changed by Fold alone: what a restart brings back.
  JobState state_ = JobState::kQueued;  // also set to kRunning by the first dispatch
  std::vector<Task> tasks_;             // the results; the rest of a Task is of this owner only
  std::vector<JobDegraded> degradations_;
  std::optional<JobEnded> end_;
  std::optional<uint32_t> fatal_task_;  // failed in a way that ends the job
  absl::Time accepted_at_;
  absl::Time deadline_ = absl::InfiniteFuture();
  absl::Time ended_at_;
  uint64_t seed_ = 0;
  TraceHeaders trace_;
  uint64_t last_sequence_ = 0;
  uint32_t stages_started_ = 0;
  std::map<uint32_t, std::vector<std::string>> notes_;  // of each stage that was started
  Outcome handed_;          // what the running stage's block gets from the ones before
  StageProgress progress_;  // of the running stage
  absl::Duration critical_path_;
  JobUsage finished_usage_;  // of finished tasks

  // Of this owner.
  bool resumed_ = false;
  absl::Time now_ = absl::InfinitePast();  // never goes back, whatever the caller's clock does
  uint64_t stale_events_ = 0;
  std::set<std::pair<absl::Time, uint32_t>> waiting_;  // tasks that wait for a retry
  StageInputs inputs_;                                 // of the running stage
  absl::Time quorum_at_ = absl::InfiniteFuture();      // when the quorum's grace is over
  std::map<AttemptRef, Spend> closing_;  // cancelled while running, with what they may use
  JobUsage closed_usage_;                // of those that have reported
  JobBudget budget_;
  Spend unknown_;  // at most used by attempts that did not say; only in a job with a budget
};

}  // namespace moa
