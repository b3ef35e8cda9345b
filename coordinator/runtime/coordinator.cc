#include "coordinator/runtime/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/log/log.h"
#include "common/net/random_id.h"
#include "coordinator/convert/codec.h"

namespace moa {
namespace {

// Gauges of quotas change all the time by themselves; nobody reads them more often.
constexpr absl::Duration kQuotaReportInterval = absl::Milliseconds(250);

absl::Status LeaseIsOver() {
  return absl::UnavailableError(
      "this coordinator has not reached its store for longer than its lease: try another one, or "
      "again");
}

absl::Status BeingTakenUp() {
  return absl::UnavailableError(
      "no coordinator has this job at the moment, one will soon: try again");
}

}  // namespace

Coordinator::Coordinator(Loop& loop, JobStore& store, RuntimeObserver& observer, ModelTable models,
                         const Options& options)
    : loop_(loop),
      store_(store),
      observer_(observer),
      options_(options),
      prices_(std::move(models)),
      reader_("moa-reader"),
      replicas_(store.replicas()),
      models_(prices_),
      scheduler_(options.scheduling) {
  loop_.SetBatchHook([this] {
    loop_.AssertHeld();
    AfterRound();
  });
}

Coordinator::~Coordinator() {
  // The loop's hook and what is posted to it use this object; after a start that failed it still runs.
  loop_.Stop();
  reader_.Stop();
}

void Coordinator::Submit(Submission submission, SubmitCallback done) {
  if (draining()) {
    observer_.JobRefused("draining");
    return done(absl::UnavailableError("this coordinator is shutting down: try again"));
  }
  if (suspended_.load()) {
    observer_.JobRefused("store");
    return done(LeaseIsOver());
  }
  if (absl::Status health = store_.Health(); !health.ok()) {
    observer_.JobRefused("store");
    return done(absl::UnavailableError(
        absl::StrCat("jobs cannot be stored at the moment: ", std::string(health.message()))));
  }
  std::shared_ptr<const Plan> plan = std::move(submission.plan);
  const Text spec = EncodeSpec(plan->spec);
  const uint64_t jobs = live_jobs_.fetch_add(1) + 1;
  const uint64_t bytes = live_bytes_.fetch_add(spec.size()) + spec.size();
  if (jobs > options_.jobs_max || bytes > options_.text_bytes_max) {
    live_jobs_.fetch_sub(1);
    live_bytes_.fetch_sub(spec.size());
    observer_.JobRefused("queue_full");
    return done(absl::ResourceExhaustedError(
        jobs > options_.jobs_max
            ? absl::StrCat("the queue is full: ", options_.jobs_max, " jobs (--max-queued-jobs)")
            : absl::StrCat("the queue is full: ", options_.text_bytes_max,
                           " bytes of prompts (--max-queued-bytes)")));
  }

  const absl::Time now = Loop::Now();
  const JobId id(NewTimeOrderedId(now));
  const Record accepted{
      .sequence = 1,
      .time = now,
      .what = JobAccepted{.seed = plan->spec.seed ? *plan->spec.seed : RandomSeed(),
                          .trace = std::move(submission.trace)}};
  const Text payload = EncodeRecord(*plan, accepted);
  NewJob job{.row = {.id = id,
                     .tenant = plan->spec.tenant,
                     .name = plan->spec.name,
                     .state = StoredState::kQueued,
                     .created = now},
             .idempotency_key = std::move(submission.idempotency_key),
             .request_hash = std::move(submission.hash),
             .spec = spec,
             .accepted = {.sequence = 1, .payload = payload}};
  store_.Insert(std::move(job),
                [this, id, plan = std::move(plan), accepted, payload, size = spec.size(),
                 done = std::move(done)](absl::StatusOr<InsertOutcome> outcome) mutable {
                  loop_.AssertHeld();
                  if (outcome.ok() && !outcome->existing) {
                    observer_.JobSubmitted();
                    StartJob(id, std::move(plan), accepted, payload);
                    FindJob(id)->text_bytes = size;
                    return done(std::move(outcome));
                  }
                  live_jobs_.fetch_sub(1);
                  live_bytes_.fetch_sub(size);
                  if (!outcome.ok()) {
                    observer_.JobRefused("store");
                  } else if (!outcome->same_request) {
                    observer_.JobRefused("conflict");
                    outcome = absl::AlreadyExistsError(
                        absl::StrCat("the idempotency key was used for a different job, ",
                                     outcome->id.value(), ": use a new key for a new job"));
                  }
                  done(std::move(outcome));
                });
}

void Coordinator::Get(const JobId& id, JobCallback done) {
  loop_.Post([this, id, done = std::move(done)]() mutable {
    loop_.AssertHeld();
    LiveJob* job = FindJob(id);
    if (job == nullptr) return ReadJob(id, std::move(done));
    if (!job->machine.ended()) return done(&job->machine);
    // Ended, but not on disk yet: not reported before it is.
    if (left_) return done(*left_);
    job->when_ended.push_back(std::move(done));
  });
}

void Coordinator::Cancel(const JobId& id, std::string reason, JobCallback done) {
  loop_.Post([this, id, reason = std::move(reason), done = std::move(done)]() mutable {
    loop_.AssertHeld();
    LiveJob* job = FindJob(id);
    if (job == nullptr) {
      return ReadJob(id,
                     [done = std::move(done)](absl::StatusOr<const JobMachine*> stored) mutable {
                       if (stored.ok() && !(*stored)->ended()) stored = BeingTakenUp();
                       done(stored);
                     });
    }
    if (left_) return done(*left_);
    job->when_ended.push_back(std::move(done));
    Apply(*job, CancelRequested{.reason = std::move(reason)}, {});
  });
}

void Coordinator::ReadJob(const JobId& id, JobCallback done) {
  reader_.Post([this, id, done = std::move(done)]() mutable {
    absl::StatusOr<StoredJob> stored = store_.Read(id);
    if (!stored.ok()) return done(stored.status());
    absl::StatusOr<JobSpec> spec = DecodeSpec(stored->spec.view());
    if (!spec.ok()) return done(spec.status());
    const std::shared_ptr<const Plan> plan = Compile(*std::move(spec), options_.limits);
    JobMachine machine(id, plan, {.retry = options_.retry, .models = &prices_});
    for (const StoredEvent& event : stored->events) {
      absl::StatusOr<Record> record = DecodeRecord(*plan, event.payload.view());
      if (!record.ok()) return done(record.status());
      if (absl::Status status = machine.Replay(*record); !status.ok()) return done(status);
    }
    done(&machine);
  });
}

void Coordinator::ReadStore(absl::AnyInvocable<void(JobStore&)> read) {
  reader_.Post([this, read = std::move(read)]() mutable { read(store_); });
}

void Coordinator::ListWorkers(absl::AnyInvocable<void(std::vector<WorkerInfo>)> done) {
  loop_.Post([this, done = std::move(done)]() mutable {
    loop_.AssertHeld();
    std::vector<WorkerInfo> workers;
    for (const auto& [id, entry] : workers_) {
      workers.push_back(entry.info);
      workers.back().used = scheduler_.RunningOn(id);
    }
    done(std::move(workers));
  });
}

absl::Status Coordinator::Ready() const {
  if (draining()) return absl::UnavailableError("shutting down");
  if (suspended_.load()) return LeaseIsOver();
  return store_.Health();
}

void Coordinator::Drain(absl::Duration timeout, absl::AnyInvocable<void()> done) {
  draining_.store(true);
  loop_.Post([this, timeout, done = std::move(done)]() mutable {
    loop_.AssertHeld();
    LogInfo("draining", {{"jobs", jobs_.size()}, {"attempts", scheduler_.running()}});
    drained_ = std::move(done);
    drain_deadline_ = Loop::Now() + timeout;
    loop_.CallAt(drain_deadline_, [this] {
      loop_.AssertHeld();
      CheckDrained();
    });
  });
}

void Coordinator::Abandon(absl::AnyInvocable<void()> done) {
  loop_.Post([this, done = std::move(done)]() mutable {
    loop_.AssertHeld();
    LeaveClients(absl::UnavailableError("this coordinator's jobs are others' now: ask again"));
    done();
  });
}

void Coordinator::LeaveClients(const absl::Status& why) {
  left_ = why;
  for (auto& [id, job] : jobs_) {
    EndWatches(*job, why);
    for (auto& done : std::exchange(job->when_ended, {})) done(why);
  }
}

void Coordinator::CheckDrained() {
  if (!drained_) return;
  const bool idle = scheduler_.running() == 0 && unstored_ == 0;
  if (!idle && Loop::Now() < drain_deadline_) return;
  LeaveClients(absl::UnavailableError("this coordinator is shutting down: ask again"));
  LogInfo("drained", {{"jobs_left", jobs_.size()}, {"attempts_left", scheduler_.running()}});
  std::exchange(drained_, nullptr)();
}

void Coordinator::AfterRound() {
  CheckLease();
  AdvanceTimers();
  if (!draining() && !suspended()) {
    HearScheduler();
    for (const Assignment& assignment : scheduler_.Assign(Loop::Now())) Dispatch(assignment);
  }
  if (share_wanted_ && scheduler_.TakeShareWanted()) share_wanted_();
  ReportDemand();
  flushes_.Flush();
  PublishPaced();

  // While draining nothing is dispatched, so what becomes ready is nobody's concern.
  const absl::Time next =
      std::min({timers_.empty() ? absl::InfiniteFuture() : timers_.begin()->first,
                paced_.empty() ? absl::InfiniteFuture() : paced_.front().first,
                suspended() ? absl::InfiniteFuture() : lease_until_,
                draining() || suspended() ? absl::InfiniteFuture() : scheduler_.NextWakeUp()});
  if (!wake_up_ || wake_up_->first != next) {
    if (wake_up_) loop_.CancelTimer(wake_up_->second);
    wake_up_.reset();
    if (next != absl::InfiniteFuture()) {
      // The work itself is done by the round that the timer brings about.
      wake_up_ = {next, loop_.CallAt(next, [this] {
                    loop_.AssertHeld();
                    wake_up_.reset();
                  })};
    }
  }
  ReportLevels();
  CheckDrained();
}

void Coordinator::ReportLevels() {
  const Scheduler::Grading& grading = scheduler_.grading();
  observer_.LevelsNow({.jobs_queued = jobs_queued_,
                       .jobs_running = jobs_.size() - jobs_queued_,
                       .tasks_queued = scheduler_.queued(),
                       .attempts_running = scheduler_.running() - grading.running,
                       .oldest_queued = scheduler_.oldest_enqueued(),
                       .workers = workers_.size() - grading.workers,
                       .slots = scheduler_.slots_total() - grading.slots,
                       .grading_workers = grading.workers,
                       .grading_slots = grading.slots,
                       .gradings_running = grading.running,
                       .watchers = watches_.size()});
  const absl::Time now = Loop::Now();
  if (now < quotas_reported_ + kQuotaReportInterval) return;
  quotas_reported_ = now;
  RuntimeObserver::QuotaLevels levels{.quotas = scheduler_.Quotas(now),
                                      .retries_saved = scheduler_.retries_saved()};
  for (const auto& [model, ready] : scheduler_.ready_by_model()) {
    levels.waiting.emplace_back(model, ready);
  }
  observer_.QuotasNow(std::move(levels));
}

}  // namespace moa
