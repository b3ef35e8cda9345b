#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
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
#include "coordinator/runtime/announced_models.h"
#include "coordinator/runtime/coordinator_state.h"
#include "coordinator/runtime/live_job.h"
#include "coordinator/runtime/member_addresses.h"
#include "coordinator/runtime/observer.h"
#include "coordinator/runtime/offer_book.h"
#include "coordinator/runtime/runtime_options.h"
#include "coordinator/runtime/submission.h"
#include "coordinator/runtime/watch_sink.h"
#include "coordinator/runtime/worker_link.h"
#include "coordinator/scheduler/quota_shares.h"
#include "coordinator/scheduler/scheduler.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/replica_store.h"

namespace moa {

#define MOA_ON_LOOP ABSL_EXCLUSIVE_LOCKS_REQUIRED(loop_)

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
  // read is ended as FAILED with INTERNAL and logged; errors are the store's. Does nothing where several coordinators
  // share the store: then a Membership claims jobs.
  absl::Status Recover();

  // From a Membership, any thread. Jobs that it has claimed; `may_run`: a worker may still hold calls of theirs, for
  // which their tasks then wait a moment. Returns once they are taken up, as UseShares and QuotaNeeds do.
  void TakeUp(const std::vector<StoredJob>& jobs, bool may_run);
  // Until when (Loop::Now's clock) this coordinator may act for its jobs. After that it sends no call, has no worker or
  // watcher and answers for none of them, until it is told a later time.
  void SetLease(absl::Time until);
  MemberAddresses& addresses() { return addresses_; }
  // Forgets up to `limit` jobs of which nothing runs and everything is stored, for the caller to release: those that
  // have not begun, and when draining others too. `done` runs on the loop.
  void GiveUp(size_t limit, absl::AnyInvocable<void(std::vector<JobId>)> done);
  // What is needed of the quotas that are shared, and what may be used of them; `alone`: there is no other member.
  std::vector<QuotaNeed> QuotaNeeds();
  void UseShares(const QuotaShareAnswer::Shares& shares, bool alone,
                 const std::vector<std::pair<QuotaKey, QuotaLimits>>& learned);
  // Called on the loop when a call waits for a quota of which nothing may be used.
  void SetShareWanted(absl::AnyInvocable<void()> wanted);
  uint64_t live_jobs() const { return live_jobs_.load(); }

  // Who has the job: "" when it is this coordinator, or when the job has ended, else the address of the one that runs it;
  // NOT_FOUND; UNAVAILABLE while nobody does, as soon somebody will. `done` runs on the loop or the reader's thread.
  void Locate(const JobId& id, absl::AnyInvocable<void(absl::StatusOr<std::string>)> done);

  // Stores a job and starts it. `done` gets the id (a new one, or the one that the key already named), ALREADY_EXISTS,
  // RESOURCE_EXHAUSTED or UNAVAILABLE.
  using SubmitCallback = absl::AnyInvocable<void(absl::StatusOr<InsertOutcome>)>;
  void Submit(Submission submission, SubmitCallback done);

  // The job as it stands; NOT_FOUND. The machine is borrowed for the call of `done`, which runs on the loop
  // or, for a job that has ended, on the reader's thread.
  void Get(const JobId& id, JobCallback done);
  // Ends the job unless it has ended, and gives it once that is durable.
  void Cancel(const JobId& id, std::string reason, JobCallback done);
  // `read` runs on the reader's thread, where it may block.
  void ReadStore(absl::AnyInvocable<void(JobStore&)> read);

  // Replays events after `after_sequence` into `sink`, then follows. The sink is ended with NOT_FOUND,
  // RESOURCE_EXHAUSTED (too many watchers), UNAVAILABLE (draining) or OK. Owners of the sink: the caller and
  // this coordinator until the end or Unwatch.
  WatchId Watch(const JobId& id, const WatchOptions& options, std::shared_ptr<WatchSink> sink);
  void Unwatch(WatchId id);

  void ListWorkers(absl::AnyInvocable<void(std::vector<WorkerInfo>)> done);
  std::shared_ptr<const ModelTable> models() const { return models_.Get(); }  // a snapshot
  const JobLimits& limits() const { return options_.limits; }

  // Stops taking jobs and dispatching, waits at most `timeout` until running attempts have ended and their results are on
  // disk, ends all watches with UNAVAILABLE, and calls `done` on the loop. Jobs that have not ended go on later.
  void Drain(absl::Duration timeout, absl::AnyInvocable<void()> done);
  bool draining() const { return draining_.load(); }
  // Instead, once others have the jobs: clients are sent away.
  void Abandon(absl::AnyInvocable<void()> done);
  absl::Status Ready() const;  // OK while jobs can be accepted

  Loop& loop() ABSL_LOCK_RETURNED(loop_) { return loop_; }
  RuntimeObserver& observer() { return observer_; }
  // LOOP: from the workers' sessions. `link` stays valid until WorkerLeft; a second stream of the same worker
  // closes the first.
  void WorkerJoined(WorkerHello hello, WorkerLink* link) MOA_ON_LOOP;
  void WorkerChanged(const WorkerId& id, const WorkerLink* link, uint32_t slots,
                     std::vector<std::string> models, bool draining, std::string key) MOA_ON_LOOP;
  void WorkerLeft(const WorkerId& id, const WorkerLink* link) MOA_ON_LOOP;
  // It beats and none of its calls has moved for deaf_limit(): its stream is closed, its attempts are made elsewhere, and
  // it gets one at a time until one has succeeded.
  void WorkerIsDeaf(const WorkerId& id, WorkerLink* link) MOA_ON_LOOP;
  FlushList& flushes() MOA_ON_LOOP { return flushes_; }
  bool RunsOn(const WorkerId& id) const MOA_ON_LOOP { return scheduler_.RunningOn(id) > 0; }
  absl::Duration deaf_limit() const { return options_.deaf_limit; }
  // What the worker holds of coordinators that it has lost; what it does not any more.
  void WorkerOffers(const WorkerId& id, const WorkerLink* link, std::vector<HeldAttempt> held,
                    const std::vector<AttemptRef>& withdrawn) MOA_ON_LOOP;
  // What comes on a stream that was replaced is not heard: the worker has said it again in its Hello.
  void AttemptEnded(const WorkerId& id, const WorkerLink* link,
                    const EndedAttempt& ended) MOA_ON_LOOP;
  void AttemptDelta(const WorkerId& id, const WorkerLink* link, const AttemptRef& ref,
                    DeltaPiece piece) MOA_ON_LOOP;

 private:
  // Jobs (coordinator_jobs.cc)
  LiveJob* FindJob(const JobId& id) MOA_ON_LOOP;
  LiveJob& AddJob(const JobId& id, std::shared_ptr<const Plan> plan) MOA_ON_LOOP;
  void StartJob(const JobId& id, std::shared_ptr<const Plan> plan, const Record& accepted,
                const Text& payload) MOA_ON_LOOP;
  absl::Status RecoverJob(const StoredJob& stored, const Hold& hold) MOA_ON_LOOP;
  void EndUnreadable(const StoredJob& stored, const absl::Status& why);

  // Cluster (coordinator_cluster.cc)
  bool suspended() const MOA_ON_LOOP { return suspended_.load(); }
  void CheckLease() MOA_ON_LOOP;
  // Answers what workers have offered of a job that is owned here: goes on with what it wants now, ends the rest.
  void SettleOffers(LiveJob& job) MOA_ON_LOOP;
  void RefuseOffers(const JobId& id) MOA_ON_LOOP;
  void ReportDemand() MOA_ON_LOOP;
  bool IsIdle(const LiveJob& job) const MOA_ON_LOOP;
  // Applies and executes.
  void Apply(LiveJob& job, const Event& event, const Hold& hold) MOA_ON_LOOP;
  void Execute(LiveJob& job, Commands commands, const Hold& hold) MOA_ON_LOOP;
  void Append(LiveJob& job, Record record) MOA_ON_LOOP;
  void Observe(LiveJob& job, const Record& record) MOA_ON_LOOP;
  void OnDurable(const JobId& id, uint64_t sequence) MOA_ON_LOOP;
  void RemoveJob(const JobId& id) MOA_ON_LOOP;
  void NoteModel(LiveJob& job, uint32_t task, const std::string& model) MOA_ON_LOOP;
  void HearScheduler() MOA_ON_LOOP;
  // The attempt as the scheduler sees it, with the size of its call.
  ReadyAttempt MakeReady(LiveJob& job, const AttemptRef& ref, std::string model) MOA_ON_LOOP;
  void Dispatch(const Assignment& assignment) MOA_ON_LOOP;
  void ReadJob(const JobId& id, JobCallback done);
  void UpdateIndices(LiveJob& job) MOA_ON_LOOP;
  void AdvanceTimers() MOA_ON_LOOP;

  void AfterRound() MOA_ON_LOOP;
  void ReportLevels() MOA_ON_LOOP;
  void CheckDrained() MOA_ON_LOOP;
  void LeaveClients(const absl::Status& why) MOA_ON_LOOP;

  // Workers (coordinator_workers.cc)
  void CalibrateEstimator(LiveJob& job, uint32_t task, const Usage& usage) MOA_ON_LOOP;
  void ObserveEnd(const EndedAttempt& ended, const AttemptRef& ref,
                  const CallEnd& call) MOA_ON_LOOP;
  void ShowSuccessor(LiveJob& job, const AttemptRef& ended) MOA_ON_LOOP;
  bool TakeHeld(const WorkerId& id, const HeldAttempt& held) MOA_ON_LOOP;
  bool IsBeingStored(const AttemptRef& ref) MOA_ON_LOOP;
  // What the scheduler may use of the worker.
  WorkerCapacity CapacityOf(const WorkerHello& hello) MOA_ON_LOOP;
  WorkerLink* LinkOf(const WorkerId& id) MOA_ON_LOOP;

  // Watchers (coordinator_watch.cc)
  void WatchStored(const JobId& id, uint64_t after_sequence, std::shared_ptr<WatchSink> sink);
  void AddWatch(WatchId watch, LiveJob& job, const WatchOptions& options,
                std::shared_ptr<WatchSink> sink) MOA_ON_LOOP;
  // Pushes the job's events that the watcher has not got; false when it does not keep up.
  static bool CatchUp(const LiveJob& job, WatchEntry& watch);
  // After an event became durable: at once, or with others when one went out a moment ago.
  void Publish(LiveJob& job) MOA_ON_LOOP;
  void PublishPaced() MOA_ON_LOOP;
  void PublishStarted(LiveJob& job, uint32_t task) MOA_ON_LOOP;
  void EndWatches(LiveJob& job, const absl::Status& status) MOA_ON_LOOP;
  void DropWatches(LiveJob& job, const std::vector<WatchId>& ids) MOA_ON_LOOP;
  // Has workers begin and stop to forward what the running tasks say, now that the job's readers are others.
  void SwitchStreams(LiveJob& job, const LiveJob::Readers& before) MOA_ON_LOOP;

  // Constant after construction; thread-safe themselves.
  Loop& loop_;
  JobStore& store_;
  RuntimeObserver& observer_;
  const Options options_;
  const ModelTable prices_;       // the configured table, for the machines' cost
  Loop reader_;                   // blocking reads of the store
  ReplicaStore* const replicas_;  // null: this is the only coordinator
  AnnouncedModels models_;
  MemberAddresses addresses_;
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
  FlushList flushes_ ABSL_GUARDED_BY(loop_);
  absl::btree_set<WorkerId> deaf_ ABSL_GUARDED_BY(loop_);  // until a call of theirs has succeeded
  OfferBook offers_ ABSL_GUARDED_BY(loop_);
  absl::AnyInvocable<void()> share_wanted_ ABSL_GUARDED_BY(loop_);
  absl::Time lease_until_ ABSL_GUARDED_BY(loop_) = absl::InfiniteFuture();
  absl::Time demand_told_ ABSL_GUARDED_BY(loop_) = absl::InfinitePast();
  absl::flat_hash_map<WatchId, WatchEntry> watches_ ABSL_GUARDED_BY(loop_);
  // Watches with events that wait for company, by when they stop waiting; those that have ended meanwhile too.
  std::deque<std::pair<absl::Time, WatchId>> paced_ ABSL_GUARDED_BY(loop_);
  std::optional<std::pair<absl::Time, Loop::TimerId>> wake_up_ ABSL_GUARDED_BY(loop_);
  absl::AnyInvocable<void()> drained_ ABSL_GUARDED_BY(loop_);
  std::optional<absl::Status> left_ ABSL_GUARDED_BY(loop_);  // clients have been sent away
  absl::Time drain_deadline_ ABSL_GUARDED_BY(loop_) = absl::InfiniteFuture();
  uint64_t jobs_queued_ ABSL_GUARDED_BY(loop_) = 0;  // live, no task dispatched yet
  uint64_t unstored_ ABSL_GUARDED_BY(loop_) = 0;  // records given to the store and not yet on disk
};

#undef MOA_ON_LOOP

}  // namespace moa
