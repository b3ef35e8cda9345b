#include <algorithm>
#include <future>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/log/log.h"
#include "coordinator/convert/codec.h"
#include "coordinator/convert/grade_record.h"
#include "coordinator/runtime/coordinator.h"

namespace moa {
namespace {

StoredState ToStored(JobState state) {
  return static_cast<StoredState>(static_cast<int>(state) + 1);
}
static_assert(static_cast<int>(JobState::kCancelled) + 1 ==
              static_cast<int>(StoredState::kCancelled));

// The job itself ends at its deadline and closes its calls; the worker's own limit is for when nobody is
// there to do so, and must not come first.
constexpr absl::Duration kBackstop = absl::Seconds(2);

// Stored jobs that are in memory on their way to being taken up, twice.
constexpr size_t kReadAtOnce = 200;

}  // namespace

LiveJob* Coordinator::FindJob(const JobId& id) {
  const auto it = jobs_.find(id);
  return it == jobs_.end() ? nullptr : it->second.get();
}

LiveJob& Coordinator::AddJob(const JobId& id, std::shared_ptr<const Plan> plan) {
  auto job = std::make_unique<LiveJob>(id, std::move(plan),
                                       JobMachine::Options{.epoch = options_.epoch,
                                                           .retry = options_.retry,
                                                           .models = &prices_,
                                                           .estimator = &estimator_});
  const auto [it, inserted] = jobs_.emplace(id, std::move(job));
  MOA_CHECK(inserted);
  return *it->second;
}

void Coordinator::StartJob(const JobId& id, std::shared_ptr<const Plan> plan,
                           const Record& accepted, const Text& payload) {
  LiveJob& job = AddJob(id, std::move(plan));
  const absl::Status status = job.machine.Replay(accepted);
  MOA_CHECK(status.ok());
  job.events.push_back(payload);
  Commands commands;
  job.machine.Resume(Loop::Now(), &commands);
  Execute(job, std::move(commands), {});
}

absl::Status Coordinator::Recover() {
  if (replicas_ != nullptr) return absl::OkStatus();
  MOA_ASSIGN_OR_RETURN(const std::vector<JobId> ids, store_.ListUnfinished());
  // The next jobs are read while the loop takes up those before.
  std::future<void> before;
  for (size_t i = 0; i < ids.size();) {
    auto jobs = std::make_shared<std::vector<StoredJob>>();
    for (; i < ids.size() && jobs->size() < kReadAtOnce; ++i) {
      MOA_ASSIGN_OR_RETURN(StoredJob stored, store_.Read(ids[i]));
      jobs->push_back(std::move(stored));
    }
    if (before.valid()) before.get();
    before = std::async(std::launch::async, [this, jobs] { TakeUp(*jobs, true); });
  }
  if (before.valid()) before.get();
  if (!ids.empty()) LogInfo("took up unfinished jobs", {{"jobs", ids.size()}});
  return absl::OkStatus();
}

absl::Status Coordinator::RecoverJob(const StoredJob& stored, const Hold& hold) {
  MOA_ASSIGN_OR_RETURN(JobSpec spec, DecodeSpec(stored.spec.view()));
  const JobId& id = stored.row.id;
  LiveJob& job = AddJob(id, Compile(std::move(spec), options_.limits));
  for (const StoredEvent& event : stored.events) {
    absl::StatusOr<Record> record = DecodeRecord(*job.plan, event.payload.view());
    absl::Status status = record.ok() ? job.machine.Replay(*record) : record.status();
    if (!status.ok()) {
      jobs_.erase(id);
      return status;
    }
    job.events.push_back(event.payload);
  }
  job.text_bytes = stored.spec.size();
  live_jobs_.fetch_add(1);
  live_bytes_.fetch_add(job.text_bytes);
  observer_.JobRecovered();
  Commands commands;
  job.machine.Resume(Loop::Now(), &commands);
  Execute(job, std::move(commands), hold);
  SettleOffers(job);
  return absl::OkStatus();
}

void Coordinator::EndUnreadable(const StoredJob& stored, const absl::Status& why) {
  LogError("a stored job cannot be read and is ended as failed",
           {{"job", stored.row.id.value()}, {"reason", std::string(why.message())}});
  const absl::Time now = Loop::Now();
  const Record record{
      .sequence = stored.events.empty() ? 1 : stored.events.back().sequence + 1,
      .time = now,
      .what = JobEnded{.state = JobState::kFailed,
                       .error = {.code = ErrorCode::kInternal,
                                 .message = absl::StrCat("the stored job cannot be read: ",
                                                         std::string(why.message()))},
                       .latency = now - stored.row.created}};
  const std::shared_ptr<const Plan> no_plan = Compile(JobSpec{}, options_.limits);
  store_.Update({.id = stored.row.id,
                 .event = {.sequence = record.sequence, .payload = EncodeRecord(*no_plan, record)},
                 .state = StoredState::kFailed,
                 .ended = now},
                [] {});
}

void Coordinator::Apply(LiveJob& job, const Event& event, const Hold& hold) {
  const uint64_t stale = job.machine.stale_events();
  Commands commands;
  job.machine.Apply(event, Loop::Now(), &commands);
  if (job.machine.stale_events() != stale) observer_.StaleEvent();
  Execute(job, std::move(commands), hold);
}

void Coordinator::Execute(LiveJob& job, Commands commands, const Hold& hold) {
  for (Command& command : commands) {
    if (auto* enqueue = std::get_if<EnqueueAttempt>(&command)) {
      const bool held = !hold.task || *hold.task == enqueue->ref.task;
      ReadyAttempt ready = MakeReady(job, enqueue->ref, std::move(enqueue->model));
      ready.stages_left = enqueue->stages_left;
      if (enqueue->retry) ready.kind = AttemptKind::kRetry;
      if (enqueue->hedge) ready.kind = AttemptKind::kHedge;
      NoteModel(job, ready.ref.task, ready.model);
      if (held) ready.not_before = hold.until;
      scheduler_.Enqueue(std::move(ready));
    } else if (auto* dequeue = std::get_if<DequeueAttempt>(&command)) {
      scheduler_.Remove(dequeue->ref);
    } else if (auto* cancel = std::get_if<CancelAttempt>(&command)) {
      // The slot stays taken until the worker has confirmed.
      const WorkerId* worker = scheduler_.WorkerOf(cancel->ref);
      if (worker == nullptr) continue;
      LinkOf(*worker)->Cancel(cancel->ref);
      const JobMachine::Task& task = job.machine.task(cancel->ref.task);
      const bool lost = task.hedged && task.result.state == TaskState::kSucceeded;
      cancels_.emplace(cancel->ref, CancelledCall{.at = Loop::Now(), .lost_to_hedge = lost});
    } else if (auto* append = std::get_if<AppendRecord>(&command)) {
      Append(job, std::move(append->record));
    }
  }
  UpdateIndices(job);
}

void Coordinator::Append(LiveJob& job, Record record) {
  Observe(job, record);
  const JobId& id = job.machine.id();
  const Text payload = EncodeRecord(*job.plan, record);
  LiveJob::Unstored& unstored = job.unstored.emplace_back(
      LiveJob::Unstored{.sequence = record.sequence, .payload = payload, .result = {}});
  JobUpdate update{.id = id, .event = {.sequence = record.sequence, .payload = payload}};
  if (std::holds_alternative<TaskFinished>(record.what)) {
    unstored.result = std::exchange(job.ending, std::nullopt);
  } else if (std::holds_alternative<LayerStarted>(record.what)) {
    if (record.sequence == 2) update.state = StoredState::kRunning;
  } else if (std::holds_alternative<JobDegraded>(record.what)) {
    update.degraded = true;
  } else if (const auto* ended = std::get_if<JobEnded>(&record.what)) {
    update.state = ToStored(ended->state);
    update.ended = record.time;
    update.grade = GradeOf(job.machine);
  }
  ++unstored_;
  store_.Update(std::move(update), [this, id, sequence = record.sequence] {
    loop_.AssertHeld();
    --unstored_;
    OnDurable(id, sequence);
  });
}

void Coordinator::Observe(LiveJob& job, const Record& record) {
  const bool stage_over = std::holds_alternative<LayerStarted>(record.what) ||
                          std::holds_alternative<JobEnded>(record.what);
  if (stage_over && job.stage_started != absl::Time()) {
    // A stage that starts means that the one before it has ended; the last one ends with the job.
    observer_.StageEnded(job.stage_kind, record.time - job.stage_started);
  }
  if (const auto* started = std::get_if<LayerStarted>(&record.what)) {
    job.stage_kind = job.plan->stages[started->stage].kind;
  }
  if (stage_over) job.stage_started = record.time;
  if (const auto* finished = std::get_if<TaskFinished>(&record.what)) {
    observer_.TaskEnded(finished->result.state);
  } else if (const auto* ended = std::get_if<JobEnded>(&record.what)) {
    observer_.JobEnded({.tenant = job.plan->spec.tenant.value(),
                        .state = ended->state,
                        .degraded = job.machine.degraded(),
                        .latency = ended->latency,
                        .critical_path = ended->critical_path});
  }
}

void Coordinator::OnDurable(const JobId& id, uint64_t sequence) {
  LiveJob* job = FindJob(id);
  MOA_CHECK(job != nullptr && !job->unstored.empty());
  LiveJob::Unstored stored = std::move(job->unstored.front());
  job->unstored.erase(job->unstored.begin());
  MOA_CHECK(stored.sequence == sequence && job->events.size() + 1 == sequence);
  job->events.push_back(stored.payload);
  if (stored.result) {
    const auto& [worker, ref] = *stored.result;
    if (WorkerLink* link = LinkOf(worker)) link->Forget(ref);
  }
  Publish(*job);
  if (!job->machine.ended() || !job->unstored.empty()) return;
  // Its place is free before anybody hears that it has ended: who waited for that may submit at once.
  live_jobs_.fetch_sub(1);
  live_bytes_.fetch_sub(job->text_bytes);
  EndWatches(*job, absl::OkStatus());
  for (auto& done : job->when_ended) done(&job->machine);
  if (options_.tracer != nullptr) {
    options_.tracer->Ended({.id = id, .plan = job->plan, .events = std::move(job->events)});
  }
  RemoveJob(id);
}

void Coordinator::RemoveJob(const JobId& id) {
  LiveJob* job = FindJob(id);
  timers_.erase({job->timer, id});
  for (const WorkerId& worker : job->kept_by) {
    if (WorkerLink* link = LinkOf(worker)) link->ForgetJob(id);
  }
  jobs_.erase(id);
}

void Coordinator::UpdateIndices(LiveJob& job) {
  const bool queued = job.machine.state() == JobState::kQueued;
  if (queued != std::exchange(job.counted_queued, queued)) jobs_queued_ += queued ? 1 : -1;
  const absl::Time next = job.machine.NextDeadline();
  if (next == job.timer) return;
  const JobId& id = job.machine.id();
  timers_.erase({job.timer, id});
  job.timer = next;
  if (next != absl::InfiniteFuture()) timers_.emplace(next, id);
}

void Coordinator::AdvanceTimers() {
  const absl::Time now = Loop::Now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    LiveJob* job = FindJob(timers_.begin()->second);
    Commands commands;
    job->machine.Advance(now, &commands);
    MOA_CHECK(job->machine.NextDeadline() > now);  // else this loop would not end
    Execute(*job, std::move(commands), {});
  }
}

void Coordinator::NoteModel(LiveJob& job, uint32_t task, const std::string& model) {
  const std::string& first = job.plan->tasks[task].agent->model;
  const auto it = job.fallbacks.find(task);
  const std::string& before = it == job.fallbacks.end() ? first : it->second;
  if (before == model) return;
  observer_.FellBack(before);
  job.fallbacks[task] = model;
}

// What the scheduler has noticed by itself: calls that have become slow, models that are closed for long.
void Coordinator::HearScheduler() {
  const absl::Time now = Loop::Now();
  for (const AttemptRef& ref : scheduler_.TakeSlow(now)) {
    LiveJob* job = FindJob(ref.job);
    if (job == nullptr) continue;
    // What a watcher has read of the answer is not contradicted by another attempt's.
    const bool is_read = job->readers.progress > 0 && ref.task == job->plan->aggregator_task();
    if (!is_read) Apply(*job, HedgeRequested{.ref = ref}, {});
  }
  for (const auto& [ref, until] : scheduler_.TakeClosed(now)) {
    LiveJob* job = FindJob(ref.job);
    if (job != nullptr) Apply(*job, ModelClosed{.ref = ref, .until = until}, {});
  }
}

ReadyAttempt Coordinator::MakeReady(LiveJob& job, const AttemptRef& ref, std::string model) {
  const PlannedTask& task = job.plan->tasks[ref.task];
  ReadyAttempt ready{.ref = ref,
                     .tenant = job.plan->spec.tenant,
                     .model = std::move(model),
                     .accepted_at = job.machine.accepted_at(),
                     .enqueued_at = Loop::Now()};
  // What came after in the same step may have made it superfluous: it will be taken out again.
  if (job.machine.ended() || task.stage + 1 != job.machine.stages_started()) return ready;
  const PromptSize size = job.sizer.Size(job.machine.Input(ref.task), job.plan->spec);
  ready.prompt_tokens = estimator_.UpperBound(ready.model, size);
  const ModelInfo* info = prices_.Find(ready.model);
  const uint64_t cap = info == nullptr ? kReservationTokensMax : info->reservation_tokens_max;
  ready.completion_tokens =
      std::min<uint64_t>(task.agent->max_completion_tokens.value_or(kReservationTokensMax), cap);
  return ready;
}

void Coordinator::Dispatch(const Assignment& assignment) {
  LiveJob* job = FindJob(assignment.ref.job);
  WorkerEntry& worker = workers_.at(assignment.worker);
  MOA_CHECK(job != nullptr);
  const absl::Time now = Loop::Now();
  const JobMachine::Task& task = job->machine.task(assignment.ref.task);
  const bool hedge = task.hedge.ref == assignment.ref;
  if (!hedge) observer_.AttemptQueued(now - task.ready_at);
  if (hedge) observer_.Hedged(RuntimeObserver::HedgeOutcome::kSent);
  if (task.retrying && !hedge) observer_.Retried();
  Apply(*job, AttemptDispatched{.ref = assignment.ref, .worker = worker.info.hello.name}, {});
  if (!job->machine.Runs(assignment.ref)) {
    // Its deadline, or its stage's, passed since the timers were looked at, or with an earlier assignment of
    // this round.
    scheduler_.Finish(assignment.ref, {.kind = CallEnd::Kind::kDropped}, {}, 0, now);
    cancels_.erase(assignment.ref);  // no worker has it, so none will tell of its end
    return;
  }
  const CallInput input = job->machine.Input(assignment.ref.task);
  const TraceHeaders& client = job->machine.trace();
  const bool is_read = job->readers.Read(*job->plan, assignment.ref.task);
  const bool kept = worker.link->Run(
      {.ref = assignment.ref,
       .input = &input,
       .spec = &job->plan->spec,
       .input_hash = job->hasher.Hash(input, job->plan->spec),
       .prompt_cache_key = assignment.ref.job.value(),
       .trace = options_.tracer == nullptr
                    ? client
                    : options_.tracer->HeadersOf(assignment.ref.job, client, assignment.ref.task),
       .timeout = job->machine.accepted_at() + job->plan->deadline - now + kBackstop,
       .stream = options_.stream_always || is_read,
       .stream_deltas = is_read});
  if (kept) job->kept_by.insert(assignment.worker);
  if (!hedge) PublishStarted(*job, assignment.ref.task);
}

}  // namespace moa
