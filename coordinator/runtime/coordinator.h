#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/loop/loop.h"
#include "coordinator/engine/job_machine.h"
#include "coordinator/runtime/live_job.h"
#include "coordinator/runtime/observer.h"
#include "coordinator/runtime/runtime_options.h"
#include "coordinator/runtime/watch_sink.h"
#include "coordinator/runtime/worker_link.h"
#include "coordinator/scheduler/quota_shares.h"
#include "coordinator/scheduler/scheduler.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/replica_store.h"

namespace moa {

// The running coordinator: owns the live jobs' machines, the scheduler and the connected workers on one
// loop, carries out the machines' commands, and keeps the promise that what is reported was stored first.
//
// A task's results are written in order and nothing waits for them; watchers see an event, and a worker may
// forget a result, once it is on disk. The terminal record is stored, then reported.
//
// Owner: main, which stops the servers first, then calls Drain, then destroys it, which stops the loop.
// Thread rule: methods marked LOOP on the loop's thread; the others on any thread. Callbacks run on the loop
// unless said otherwise.
class Coordinator {
 public:
  using Options = RuntimeOptions;
  using JobCallback = absl::AnyInvocable<void(absl::StatusOr<const JobMachine*>)>;
  using WatchId = uint64_t;

  // `loop`, `store` and `observer` are borrowed for the coordinator's life. `models` is the configured table.
  Coordinator(Loop& loop, JobStore& store, RuntimeObserver& observer, ModelTable models,
              const Options& options);
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // Takes up the store's unfinished jobs. Call once, before serving. Blocks. A job whose history cannot be
  // read is ended as FAILED with INTERNAL and logged; errors are the store's. Where several coordinators share the
  // store there is nothing to do: a Membership claims jobs, and hands them to TakeUp.
  absl::Status Recover();

  // From a Membership, any thread: jobs that this coordinator has claimed. `may_run` says whether a worker may still
  // hold calls of theirs, for which their tasks then wait a moment. Returns once they are taken up.
  void TakeUp(const std::vector<StoredJob>& jobs, bool may_run);
  // Until when this coordinator may act for its jobs (Loop::Now's clock). When that is over it sends no call, closes
  // its workers' streams, ends its watches and answers for none of its jobs, until it is told a later time.
  void SetLease(absl::Time until);
  // The other members' addresses, by epoch.
  using Addresses = absl::flat_hash_map<uint64_t, std::string>;
  void SetAddresses(Addresses addresses);
  // Gives up to `limit` jobs of which nothing runs and everything is stored: they are forgotten here, and the
  // caller releases them. Only those that have not begun, unless this coordinator drains. `done` runs on the loop.
  void GiveUp(size_t limit, absl::AnyInvocable<void(std::vector<JobId>)> done);
  // What this coordinator needs of the quotas that it shares with others, and what it may use of them. Both return once
  // the loop has done it.
  std::vector<QuotaNeed> QuotaNeeds();
  void UseShares(const QuotaShareAnswer::Shares& shares,
                 const std::vector<std::pair<QuotaKey, QuotaLimits>>& learned);
  // Called on the loop when a call waits for a quota of which nothing may be used. Set before serving.
  void SetShareWanted(absl::AnyInvocable<void()> wanted);
  uint64_t live_jobs() const { return live_jobs_.load(); }

  // Who has the job: `done` gets "" when it is this coordinator, or when the job has ended, else the address of the
  // one that runs it; NOT_FOUND; UNAVAILABLE while nobody does: soon somebody will. Runs on the loop or the reader's
  // thread.
  void Locate(const JobId& id, absl::AnyInvocable<void(absl::StatusOr<std::string>)> done);

  // Stores a job and starts it. `plan->spec` is normalised and valid; `hash` is HashSpec. `done` gets the id
  // (a new one, or the one that the key already named), ALREADY_EXISTS, RESOURCE_EXHAUSTED or UNAVAILABLE.
  using SubmitCallback = absl::AnyInvocable<void(absl::StatusOr<InsertOutcome>)>;
  void Submit(std::shared_ptr<const Plan> plan, std::string idempotency_key, std::string hash,
              SubmitCallback done);

  // The job as it stands; NOT_FOUND. The machine is borrowed for the call of `done`, which runs on the loop
  // or, for a job that has ended, on the reader's thread.
  void Get(const JobId& id, JobCallback done);
  // Ends the job unless it has ended, and gives it once that is durable.
  void Cancel(const JobId& id, std::string reason, JobCallback done);
  // `done` runs on the reader's thread.
  void List(JobQuery query, absl::AnyInvocable<void(absl::StatusOr<std::vector<JobRow>>)> done);

  struct WatchOptions {
    uint64_t after_sequence = 0;
    bool progress = false;              // also what is not stored
    bool cancel_on_disconnect = false;  // Unwatch before the job's end cancels it
  };
  // Replays events after `after_sequence` into `sink`, then follows. The sink is ended with NOT_FOUND,
  // RESOURCE_EXHAUSTED (too many watchers), UNAVAILABLE (draining) or OK. Owners of the sink: the caller and
  // this coordinator until the end or Unwatch.
  WatchId Watch(const JobId& id, const WatchOptions& options, std::shared_ptr<WatchSink> sink);
  void Unwatch(WatchId id);

  void ListWorkers(absl::AnyInvocable<void(std::vector<WorkerInfo>)> done);
  // The configured and announced models; a snapshot.
  std::shared_ptr<const ModelTable> models() const;
  const JobLimits& limits() const { return options_.limits; }

  // Stops taking jobs and dispatching, waits until running attempts have ended and their results are on disk,
  // at most `timeout`, ends all watches with UNAVAILABLE, and calls `done` on the loop. Jobs that have not
  // ended go on when the store is opened again.
  void Drain(absl::Duration timeout, absl::AnyInvocable<void()> done);
  bool draining() const { return draining_.load(); }
  // OK while jobs can be accepted.
  absl::Status Ready() const;

  Loop& loop() ABSL_LOCK_RETURNED(loop_) { return loop_; }
  RuntimeObserver& observer() { return observer_; }

  // LOOP: from the workers' sessions. `link` stays valid until WorkerLeft; a second stream of the same worker
  // closes the first.
  void WorkerJoined(WorkerHello hello, WorkerLink* link) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void WorkerChanged(const WorkerId& id, const WorkerLink* link, uint32_t slots,
                     std::vector<std::string> models, bool draining, std::string key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void WorkerLeft(const WorkerId& id, const WorkerLink* link) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  // It says that it lives and none of its calls has moved for deaf_limit(): its stream is closed, its attempts are made
  // elsewhere, and it gets one at a time until one of them has succeeded.
  void WorkerIsDeaf(const WorkerId& id, WorkerLink* link) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  bool RunsOn(const WorkerId& id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_) {
    return scheduler_.RunningOn(id) > 0;
  }
  absl::Duration deaf_limit() const { return options_.deaf_limit; }
  // What the worker holds of coordinators that it has lost; what it does not any more.
  void WorkerOffers(const WorkerId& id, const WorkerLink* link, std::vector<HeldAttempt> held,
                    const std::vector<AttemptRef>& withdrawn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  // What comes on a stream that was replaced is not heard: the
  // worker has said it again in its Hello.
  void AttemptEnded(const WorkerId& id, const WorkerLink* link, const EndedAttempt& ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void AttemptDelta(const WorkerId& id, const WorkerLink* link, const AttemptRef& ref,
                    DeltaPiece piece) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);

 private:
  struct WorkerEntry {
    WorkerInfo info;
    WorkerLink* link = nullptr;
    uint32_t demand_told = 0;
  };
  struct Offer {
    WorkerId worker;
    HeldAttempt held;
  };
  struct WatchEntry {
    JobId job;
    std::shared_ptr<WatchSink> sink;
    uint64_t sent = 0;  // the last sequence pushed, or after_sequence
    bool progress = false;
    bool cancel_on_disconnect = false;
    bool paced = false;  // events wait for its turn in paced_
    absl::Time last_push = absl::InfinitePast();
  };
  // A call that was told to end and has not said yet that it has.
  struct CancelledCall {
    absl::Time at;
    bool lost_to_hedge = false;  // or a hedge that lost
  };
  // Keeps what is enqueued from being dispatched before a time, to leave a worker that may still hold the
  // call the time to come back.
  struct Hold {
    absl::Time until = absl::InfinitePast();
    std::optional<uint32_t> task;  // only this task's; none: all
  };

  // Jobs (coordinator_jobs.cc)
  LiveJob* FindJob(const JobId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  LiveJob& AddJob(const JobId& id, std::shared_ptr<const Plan> plan)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void StartJob(const JobId& id, std::shared_ptr<const Plan> plan, const Record& accepted,
                const Text& payload) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  absl::Status RecoverJob(const StoredJob& stored, const Hold& hold)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void EndUnreadable(const StoredJob& stored, const absl::Status& why);

  // Cluster (coordinator_cluster.cc)
  bool suspended() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_) { return suspended_.load(); }
  void CheckLease() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  // Answers what workers have offered of a job that is owned here: goes on with what it wants now, ends the rest.
  void SettleOffers(LiveJob& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void DropOffersOf(const WorkerId& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void RefuseOffers(const JobId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void ReportDemand() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  bool IsIdle(const LiveJob& job) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  // Applies and executes.
  void Apply(LiveJob& job, const Event& event, const Hold& hold)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void Execute(LiveJob& job, Commands commands, const Hold& hold)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void Append(LiveJob& job, Record record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void Observe(LiveJob& job, const Record& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void OnDurable(const JobId& id, uint64_t sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void RemoveJob(const JobId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void NoteModel(LiveJob& job, uint32_t task, const std::string& model)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void HearScheduler() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  // The attempt as the scheduler sees it, with the size of its call.
  ReadyAttempt MakeReady(LiveJob& job, const AttemptRef& ref, std::string model)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void Dispatch(const Assignment& assignment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void ReadJob(const JobId& id, JobCallback done);
  void UpdateIndices(LiveJob& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void AdvanceTimers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);

  // Once after each round of the loop: timers, assignments, flushes, gauges.
  void AfterRound() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void ReportLevels() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void CheckDrained() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);

  // Workers (coordinator_workers.cc)
  // The provider has counted the prompt of a call that is about to be taken as succeeded.
  void CalibrateEstimator(LiveJob& job, uint32_t task, const Usage& usage)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  // Counts what a call's end says about hedges and cancels. Before the event is applied.
  void ObserveEnd(const EndedAttempt& ended, const AttemptRef& ref, const CallEnd& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void ShowSuccessor(LiveJob& job, const AttemptRef& ended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  bool TakeHeld(const WorkerId& id, const HeldAttempt& held) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  // Whether the attempt's result has been taken and is on its way to the disk.
  bool IsBeingStored(const AttemptRef& ref) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  // What the scheduler may use of the worker.
  WorkerCapacity CapacityOf(const WorkerHello& hello) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  WorkerLink* LinkOf(const WorkerId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void Announce(const std::vector<std::string>& models);

  // Watchers (coordinator_watch.cc)
  void WatchStored(const JobId& id, uint64_t after_sequence, std::shared_ptr<WatchSink> sink);
  void AddWatch(WatchId watch, LiveJob& job, const WatchOptions& options,
                std::shared_ptr<WatchSink> sink) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  // Pushes the job's events that the watcher has not got; false when it does not keep up.
  static bool CatchUp(const LiveJob& job, WatchEntry& watch);
  // After an event became durable: at once, or with others when one went out a moment ago.
  void Publish(LiveJob& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void PublishPaced() ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void PublishStarted(LiveJob& job, uint32_t task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void EndWatches(LiveJob& job, const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);
  void DropWatches(LiveJob& job, const std::vector<WatchId>& ids)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_);

  // Constant after construction; thread-safe themselves.
  Loop& loop_;
  JobStore& store_;
  RuntimeObserver& observer_;
  const Options options_;
  const ModelTable prices_;  // the configured table, for the machines' cost
  Loop reader_;              // blocking reads of the store

  mutable Mutex models_mutex_;
  std::shared_ptr<const ModelTable> models_
      ABSL_GUARDED_BY(models_mutex_);  // replaced, never changed

  ReplicaStore* const replicas_;  // null: this is the only coordinator

  mutable Mutex addresses_mutex_;
  Addresses addresses_ ABSL_GUARDED_BY(addresses_mutex_);

  std::atomic<bool> draining_{false};
  std::atomic<bool> suspended_{false};
  std::atomic<uint64_t> live_jobs_{0};  // admission: counted from Submit to the durable end
  std::atomic<uint64_t> live_bytes_{0};
  std::atomic<uint64_t> next_watch_{1};

  absl::flat_hash_map<JobId, std::unique_ptr<LiveJob>> jobs_ ABSL_GUARDED_BY(loop_);
  absl::btree_set<std::pair<absl::Time, JobId>> timers_ ABSL_GUARDED_BY(loop_);
  Scheduler scheduler_ ABSL_GUARDED_BY(loop_);
  TokenEstimator estimator_ ABSL_GUARDED_BY(loop_);
  absl::Time quotas_reported_ ABSL_GUARDED_BY(loop_) = absl::InfinitePast();
  absl::flat_hash_map<AttemptRef, CancelledCall> cancels_ ABSL_GUARDED_BY(loop_);
  absl::btree_map<WorkerId, WorkerEntry> workers_ ABSL_GUARDED_BY(loop_);
  absl::btree_set<WorkerId> deaf_ ABSL_GUARDED_BY(loop_);  // until a call of theirs has succeeded
  absl::flat_hash_map<JobId, std::vector<Offer>> offers_ ABSL_GUARDED_BY(loop_);
  absl::AnyInvocable<void()> share_wanted_ ABSL_GUARDED_BY(loop_);
  absl::Time lease_until_ ABSL_GUARDED_BY(loop_) = absl::InfiniteFuture();
  absl::Time demand_told_ ABSL_GUARDED_BY(loop_) = absl::InfinitePast();
  absl::flat_hash_map<WatchId, WatchEntry> watches_ ABSL_GUARDED_BY(loop_);
  // Watches with events that wait for company, by when they stop waiting; those that have ended meanwhile too.
  std::deque<std::pair<absl::Time, WatchId>> paced_ ABSL_GUARDED_BY(loop_);
  std::optional<std::pair<absl::Time, Loop::TimerId>> wake_up_ ABSL_GUARDED_BY(loop_);
  absl::AnyInvocable<void()> drained_ ABSL_GUARDED_BY(loop_);
  absl::Time drain_deadline_ ABSL_GUARDED_BY(loop_) = absl::InfiniteFuture();
  uint64_t jobs_queued_ ABSL_GUARDED_BY(loop_) =
      0;                                          // live jobs of which no task was dispatched yet
  uint64_t unstored_ ABSL_GUARDED_BY(loop_) = 0;  // records given to the store and not yet on disk
};

}  // namespace moa
