#include "tests/sim/sim_coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "coordinator/engine/token_estimator.h"
#include "tests/sim/job_shapes.h"
#include "tests/sim/world.h"

namespace moa::sim {
namespace {

// As in coordinator/runtime.
constexpr absl::Duration kAdoptionGrace = absl::Milliseconds(1500);

uint64_t HashJob(const JobSpec& spec) {
  Call call;
  call.model = absl::StrCat(spec.tenant.value(), "/", spec.name, "/", spec.moa.layers.size());
  call.messages = spec.messages;
  return call.Hash();
}

}  // namespace

SimCoordinator::SimCoordinator(World& world, Disk& disk, std::optional<Place> place)
    : world_(world),
      disk_(disk),
      place_(std::move(place)),
      store_(world, disk,
             [this](std::function<void()> callbacks) {
               Run([this, callbacks = std::move(callbacks)] {
                 callbacks();
                 Touch();
               });
             }),
      scheduler_(place_ ? place_->scheduling : SchedulerOptions()) {
  if (world_.faults) skew_ = world_.random.Between(-absl::Seconds(2), absl::Seconds(2));
  if (place_) {
    member_ = std::make_unique<SimMember>(world_, disk_, place_->address, MemberCallbacks());
    epoch_ = member_->epoch();
    store_.Join(epoch_, place_->address, place_->died);
  } else {
    epoch_ = ++disk_.epoch;
  }
  world_.trace("coordinator starts, epoch ", epoch_);
}

SimCoordinator::~SimCoordinator() {
  world_.trace("coordinator of epoch ", epoch_, " is gone");
  *alive_ = false;
  store_.Crash();
  for (auto& [id, session] : sessions_) {
    session.stream->CoordinatorGone();
    if (member_ != nullptr) world_.auditor.Disconnected(id);
  }
  if (member_ != nullptr) {
    world_.auditor.OwnerLost(epoch_);
  } else {
    world_.auditor.CoordinatorLost();
  }
}

// A clock that moves between any two looks at it, and now and then by much: the process was not
// scheduled, or the machine slept.
absl::Time SimCoordinator::Now() {
  absl::Duration step = world_.random.Between(absl::ZeroDuration(), absl::Microseconds(20));
  if (world_.Fault(world_.weather.stall))
    step = world_.random.Between(absl::Milliseconds(1), absl::Milliseconds(400));
  clock_ = std::max(clock_, world_.queue.now() + skew_) + step;
  return clock_;
}

void SimCoordinator::Touch() {
  if (std::exchange(round_planned_, true)) return;
  // A loop under load takes several messages before it comes to the end of its round.
  const absl::Duration busy =
      world_.random.Percent(20) ? world_.random.Between(absl::ZeroDuration(), absl::Milliseconds(3))
                                : absl::ZeroDuration();
  world_.queue.After(busy, [this, alive = alive_] {
    if (!*alive) return;
    Run([this] {
      round_planned_ = false;
      AfterRound();
    });
  });
}

void SimCoordinator::AfterRound() {
  if (IsSuspended()) return Suspend();
  AdvanceTimers();
  Disturb();
  for (const Assignment& assignment : scheduler_.Assign(Now())) Dispatch(assignment);
  Flush();
  CheckConsistency();
  const absl::Time next = std::min(
      timers_.empty() ? absl::InfiniteFuture() : timers_.begin()->first, scheduler_.NextWakeUp());
  if (next == absl::InfiniteFuture() || next == wake_up_) return;
  wake_up_ = next;
  // Never at this very instant again: the loop's timers fire at or after their time.
  const absl::Time when = std::max(next - skew_, world_.queue.now() + absl::Microseconds(1));
  world_.queue.At(when, [this, alive = alive_, next] {
    if (!*alive || wake_up_ != next) return;
    wake_up_ = absl::InfiniteFuture();
    Touch();
  });
}

void SimCoordinator::AdvanceTimers() {
  const absl::Time now = Now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    LiveJob* job = FindJob(timers_.begin()->second);
    Commands commands;
    job->machine.Advance(now, &commands);
    MOA_CHECK(job->machine.NextDeadline() > now);
    Execute(*job, std::move(commands), absl::InfinitePast());
  }
}

// What the scheduler may ask of a machine at any time: a second attempt beside a running one, and to
// know that a queued one's model is closed.
void SimCoordinator::Disturb() {
  if (jobs_.empty() || !world_.random.Percent(8)) return;
  auto it = jobs_.begin();
  std::advance(it, world_.random.Below(static_cast<uint32_t>(jobs_.size())));
  LiveJob& job = *it->second;
  if (job.machine.ended()) return;
  const auto tasks = static_cast<uint32_t>(job.plan->tasks.size());
  const JobMachine::Task& task = job.machine.task(world_.random.Below(tasks));
  if (task.state == TaskState::kRunning && world_.random.Percent(70)) {
    Apply(job, HedgeRequested{.ref = task.current}, absl::InfinitePast());
  } else {
    const AttemptRef ref = task.hedge.ref.attempt != 0 ? task.hedge.ref : task.current;
    const absl::Duration closed = world_.random.Between(absl::ZeroDuration(), absl::Seconds(20));
    Apply(job, ModelClosed{.ref = ref, .until = Now() + closed}, absl::InfinitePast());
  }
}

void SimCoordinator::Flush() {
  if (member_ != nullptr) SendDemand();
  for (auto& [worker, id] : workers_) {
    Session& session = sessions_.at(id);
    for (ToWorker& message : session.pending) session.stream->SendToWorker(std::move(message));
    session.pending.clear();
    if (session.forgotten.empty()) continue;
    session.stream->SendToWorker(ResultsDurable{std::exchange(session.forgotten, {})});
  }
}

// ------------------------------------------------------------------------------------------------
// Clients

void SimCoordinator::Submit(const std::string& key, const JobSpec& spec, SubmitReply reply) {
  const JobId id(absl::StrCat("j", epoch_, ".", next_job_++));
  const JobSpec normalised = Normalize(spec);
  const Record accepted{.sequence = 1,
                        .time = Now(),
                        .what = JobAccepted{.seed = spec.seed ? *spec.seed : world_.random.Next()}};
  if (world_.bug == Bug::kAcknowledgeBeforeDurable) reply(SimStore::Outcome::kNew, id);
  store_.InsertJob(
      {.id = id,
       .key = key,
       .request_hash = HashJob(normalised),
       .spec = normalised,
       .accepted = accepted},
      [this, id, normalised, accepted, reply](SimStore::Outcome outcome, const JobId& which) {
        // In a cluster it may have been taken up already, when the answer was lost at first.
        if (outcome == SimStore::Outcome::kNew && !started_.contains(id))
          StartJob(id, normalised, accepted);
        if (world_.bug != Bug::kAcknowledgeBeforeDurable) reply(outcome, which);
      });
}

void SimCoordinator::Cancel(const JobId& id, std::function<void()> done) {
  LiveJob* job = FindJob(id);
  if (job == nullptr && member_ != nullptr) return CancelElsewhere(id, std::move(done));
  if (job == nullptr) return done();
  job->when_ended.push_back(std::move(done));
  Apply(*job, CancelRequested{.reason = "the client asked"}, absl::InfinitePast());
  Touch();
}

void SimCoordinator::Watch(const JobId& id, uint64_t after, Watcher watcher) {
  LiveJob* job = FindJob(id);
  if (job != nullptr) {
    for (size_t i = after; i < job->events.size(); ++i) watcher.event(job->events[i]);
    watcher.seen = after;
    job->watchers.push_back(std::move(watcher));
    return;
  }
  if (member_ != nullptr) return WatchElsewhere(id, after, std::move(watcher));
  const auto stored = disk_.jobs.find(id);
  if (stored == disk_.jobs.end()) {
    return world_.auditor.Fail("no acknowledged job is lost", absl::StrCat("job ", id.value()));
  }
  for (size_t i = after; i < stored->second.records.size(); ++i) {
    watcher.event(stored->second.records[i]);
  }
  watcher.end();
}

// ------------------------------------------------------------------------------------------------
// Jobs

SimCoordinator::LiveJob* SimCoordinator::FindJob(const JobId& id) {
  const auto it = jobs_.find(id);
  return it == jobs_.end() ? nullptr : it->second.get();
}

SimCoordinator::LiveJob& SimCoordinator::AddJob(const JobId& id, const JobSpec& spec) {
  auto& job = jobs_[id];
  MOA_CHECK(job == nullptr);
  started_.insert(id);
  JobSpec run = spec;
  if (world_.bug == Bug::kForgetBudget) run.budget = Budget();
  job = std::make_unique<LiveJob>(id, Compile(std::move(run), JobLimits{}),
                                  JobMachine::Options{.epoch = epoch_, .models = &Prices()});
  return *job;
}

void SimCoordinator::StartJob(const JobId& id, const JobSpec& spec, const Record& accepted) {
  world_.trace("job ", id.value(), " starts");
  LiveJob& job = AddJob(id, spec);
  MOA_CHECK(job.machine.Replay(accepted).ok());
  job.events.push_back(accepted);
  Commands commands;
  job.machine.Resume(Now(), &commands);
  Execute(job, std::move(commands), absl::InfinitePast());
}

void SimCoordinator::Recover() {
  for (const auto& [id, stored] : disk_.jobs) {
    if (!stored.terminal()) RecoverJob(id, stored);
  }
  Touch();
}

void SimCoordinator::RecoverJob(const JobId& id, const DiskJob& stored) {
  world_.trace("job ", id.value(), " goes on from record ", stored.records.size());
  world_.auditor.TakenUp(id, epoch_);
  LiveJob& job = AddJob(id, stored.spec);
  for (const Record& record : stored.records) {
    const absl::Status status = job.machine.Replay(record);
    if (!status.ok()) {
      world_.auditor.Fail("every job's history can be read", status.ToString());
      jobs_.erase(id);
      return;
    }
    job.events.push_back(record);
  }
  Commands commands;
  job.machine.Resume(Now(), &commands);
  Execute(job, std::move(commands), Now() + kAdoptionGrace);
}

void SimCoordinator::Apply(LiveJob& job, const Event& event, absl::Time hold_until) {
  const uint64_t stale = job.machine.stale_events();
  const auto* failed = std::get_if<AttemptFailed>(&event);
  bool counts = false;  // and is not one that was cancelled
  if (failed != nullptr && failed->ref.task < job.plan->tasks.size()) {
    const JobMachine::Task& task = job.machine.task(failed->ref.task);
    counts = task.current == failed->ref || task.hedge.ref == failed->ref;
  }
  Commands commands;
  job.machine.Apply(event, Now(), &commands);
  job.machine.CheckInvariants();
  if (counts && job.machine.stale_events() == stale) {
    world_.auditor.AttemptFailed(failed->ref, epoch_, failed->error.code);
  }
  Execute(job, std::move(commands), hold_until);
}

ReadyAttempt SimCoordinator::MakeReady(LiveJob& job, const AttemptRef& ref,
                                       const std::string& model) {
  ReadyAttempt ready;
  ready.ref = ref;
  ready.tenant = job.plan->spec.tenant;
  ready.model = model;
  ready.accepted_at = job.machine.accepted_at();
  ready.enqueued_at = Now();
  const PlannedTask& task = job.plan->tasks[ref.task];
  if (job.machine.ended() || task.stage + 1 != job.machine.stages_started()) return ready;
  ready.prompt_tokens =
      TokenEstimator().UpperBound(model, SizeOf(job.machine.Input(ref.task), job.plan->spec));
  ready.completion_tokens = task.agent->max_completion_tokens.value_or(0);
  return ready;
}

void SimCoordinator::Execute(LiveJob& job, Commands commands, absl::Time hold_until) {
  for (Command& command : commands) {
    if (auto* enqueue = std::get_if<EnqueueAttempt>(&command)) {
      ReadyAttempt ready = MakeReady(job, enqueue->ref, enqueue->model);
      ready.stages_left = enqueue->stages_left;
      if (enqueue->retry) ready.kind = AttemptKind::kRetry;
      if (enqueue->hedge && world_.random.Percent(50)) ready.kind = AttemptKind::kHedge;
      ready.not_before = hold_until;
      scheduler_.Enqueue(std::move(ready));
    } else if (auto* dequeue = std::get_if<DequeueAttempt>(&command)) {
      // Or chosen in this very round and about to be dispatched, which Dispatch then does not do.
      const bool known =
          scheduler_.Remove(dequeue->ref) || scheduler_.WorkerOf(dequeue->ref) != nullptr;
      world_.auditor.Require(known, "what is dequeued was queued", Name(dequeue->ref));
    } else if (auto* cancel = std::get_if<CancelAttempt>(&command)) {
      const WorkerId* worker = scheduler_.WorkerOf(cancel->ref);
      if (worker == nullptr || world_.bug == Bug::kForgetCancel) continue;
      if (world_.bug == Bug::kForgetStragglers && !job.machine.ended()) continue;
      SessionOf(*worker)->pending.push_back(CancelTask{cancel->ref});
      if (world_.bug == Bug::kReleaseSlotTwice) Release(cancel->ref);
    } else if (auto* append = std::get_if<AppendRecord>(&command)) {
      Append(job, append->record);
    }
  }
  UpdateTimer(job);
}

void SimCoordinator::Append(LiveJob& job, const Record& record) {
  const JobId& id = job.machine.id();
  world_.auditor.Emitted(epoch_, record);
  Unstored& unstored = job.unstored.emplace_back(Unstored{record, std::nullopt});
  if (std::holds_alternative<TaskFinished>(record.what)) {
    unstored.result = std::exchange(job.ending, std::nullopt);
  }
  world_.trace("job ", id.value(), " record ", record.sequence, " kind ", record.what.index());
  if (world_.bug == Bug::kPublishBeforeDurable) Publish(job, record);
  store_.Update(id, record, [this, id] { OnDurable(id); });
  if (world_.bug == Bug::kStoreTerminalTwice && std::holds_alternative<JobEnded>(record.what)) {
    store_.Update(id, record, [] {});
  }
}

void SimCoordinator::OnDurable(const JobId& id) {
  LiveJob* job = FindJob(id);
  if (job == nullptr && world_.bug == Bug::kRunReleased) return;
  MOA_CHECK(job != nullptr && !job->unstored.empty());
  const Unstored stored = std::move(job->unstored.front());
  job->unstored.erase(job->unstored.begin());
  MOA_CHECK(job->events.size() + 1 == stored.record.sequence);
  job->events.push_back(stored.record);
  if (stored.result) {
    if (Session* session = SessionOf(stored.result->first)) {
      session->forgotten.push_back(stored.result->second);
    }
  }
  if (world_.bug != Bug::kPublishBeforeDurable) Publish(*job, stored.record);
  if (!job->machine.ended() || !job->unstored.empty()) return;
  world_.trace("job ", id.value(), " is over: ", JobStateName(job->machine.state()));
  for (const Watcher& watcher : job->watchers) watcher.end();
  for (const auto& done : job->when_ended) done();
  Forget(*job);
}

void SimCoordinator::Forget(LiveJob& job) {
  const JobId id = job.machine.id();
  timers_.erase({job.timer, id});
  jobs_.erase(id);
}

void SimCoordinator::Publish(LiveJob& job, const Record& record) {
  if (!job.watchers.empty()) world_.auditor.Published(job.machine.id(), record);
  for (const Watcher& watcher : job.watchers) {
    if (record.sequence > watcher.seen) watcher.event(record);
  }
}

void SimCoordinator::UpdateTimer(LiveJob& job) {
  const absl::Time next = job.machine.NextDeadline();
  if (next == job.timer) return;
  const JobId& id = job.machine.id();
  timers_.erase({job.timer, id});
  job.timer = next;
  if (next != absl::InfiniteFuture()) timers_.emplace(next, id);
}

std::string SimCoordinator::Leftovers() const {
  std::string left;
  for (const auto& [id, job] : jobs_) absl::StrAppend(&left, "job ", id.value(), " is live; ");
  if (scheduler_.queued() > 0) absl::StrAppend(&left, scheduler_.queued(), " attempts queued; ");
  if (scheduler_.running() > 0) {
    absl::StrAppend(&left, scheduler_.running(), " slots still taken; ");
  }
  if (!timers_.empty()) absl::StrAppend(&left, timers_.size(), " timers left; ");
  if (store_.pending() > 0) absl::StrAppend(&left, store_.pending(), " writes pending; ");
  return left;
}

}  // namespace moa::sim
