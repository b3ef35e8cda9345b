#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/engine/job_machine.h"
#include "coordinator/scheduler/scheduler.h"
#include "tests/sim/network.h"
#include "tests/sim/sim_member.h"
#include "tests/sim/sim_store.h"

namespace moa::sim {

struct World;

// One life of a coordinator: the real JobMachine and Scheduler, with a runtime that carries their
// commands out as coordinator/runtime does, in the same order and under the same names, on virtual
// time. Its clock moves while it works and stalls now and then, and is not that of the life before.
//
// Owner: the Simulation, which destroys it to crash it. Not thread-safe.
class SimCoordinator {
 public:
  using SubmitReply = std::function<void(SimStore::Outcome outcome, const JobId& id)>;
  struct Watcher {
    std::function<void(const Record& record)> event;
    std::function<void()> end;       // after the terminal event
    std::function<void()> broken{};  // nothing more comes of this watch
    // What it was shown elsewhere may be ahead of what this coordinator has heard to be durable.
    uint64_t seen = 0;
  };
  // A coordinator's place in a cluster.
  struct Place {
    int address = 0;
    SchedulerOptions scheduling{};
    std::function<void()> died;            // it was declared dead: its process ends
    std::function<void()> shares_changed;  // what it uses of quotas
    // The live coordinator of that epoch that this one reaches, or null.
    std::function<SimCoordinator*(uint64_t)> peer;
  };

  // Alone on its disk, or with others.
  SimCoordinator(World& world, Disk& disk) : SimCoordinator(world, disk, std::nullopt) {}
  SimCoordinator(World& world, Disk& disk, std::optional<Place> place);
  ~SimCoordinator();
  SimCoordinator(const SimCoordinator&) = delete;
  SimCoordinator& operator=(const SimCoordinator&) = delete;

  // Takes up all that is on the disk.
  void Recover();
  void Submit(const std::string& key, const JobSpec& spec, SubmitReply reply);
  // `done` once the job's end is durable; at once for a job that is not live.
  void Cancel(const JobId& id, std::function<void()> done);
  // Replays what comes after `after`, then follows.
  void Watch(const JobId& id, uint64_t after, Watcher watcher);
  void Accept(const std::shared_ptr<Stream>& stream);

  uint64_t epoch() const { return epoch_; }
  // Of a cluster (sim_coordinator_cluster.cc).
  bool IsSuspended() const { return member_ != nullptr && member_->IsLeaseOver(); }
  bool answers() const;  // its lease goes on, and it is not paused
  void Pause(absl::Duration duration);
  // The wall clock, by which jobs' times go; not the one that the lease goes by.
  void MoveClock(absl::Duration by);
  // Gives up a job that has not begun, where there is one.
  void ReleaseOne();
  std::vector<QuotaNeed> SharesInUse() const { return scheduler_.QuotaNeeds(clock_); }
  // Nothing live, queued, running or on its way to the disk.
  std::string Leftovers() const;
  bool Knows(const JobId& id) const { return jobs_.contains(id); }

 private:
  struct Unstored {
    Record record;
    std::optional<std::pair<WorkerId, AttemptRef>> result;
  };
  struct LiveJob {
    LiveJob(JobId id, std::shared_ptr<const Plan> job_plan, const JobMachine::Options& options)
        : plan(std::move(job_plan)), machine(std::move(id), plan, options) {}
    std::shared_ptr<const Plan> plan;
    JobMachine machine;
    std::vector<Record> events;  // durable
    std::vector<Unstored> unstored;
    std::vector<Watcher> watchers;
    std::vector<std::function<void()>> when_ended;
    absl::Time timer = absl::InfiniteFuture();
    std::optional<std::pair<WorkerId, AttemptRef>> ending;
  };
  struct Session {
    std::shared_ptr<Stream> stream;  // owners: both ends
    WorkerId worker{};               // once it has said hello
    std::vector<ToWorker> pending{};
    std::vector<AttemptRef> forgotten{};
    std::map<AttemptRef, uint64_t> offered{};  // with the hashes of their inputs
    uint32_t demand = 0;                       // as it was told
  };

  absl::Time Now();
  void Touch();
  void AfterRound();
  void AdvanceTimers();
  void Disturb();
  void Flush();

  // Does it now, or when the process is scheduled again.
  void Run(std::function<void()> action);
  SimMember::Callbacks MemberCallbacks();
  void Suspend();
  void Owns(const std::vector<JobId>& jobs);
  void UseShares(const QuotaShareAnswer::Shares& shares);
  void OnOffer(Session& session, const Offer& offer);
  void TryClaims(Session& session);
  void SendDemand();
  void WatchElsewhere(const JobId& id, uint64_t after, Watcher watcher);
  void CancelElsewhere(const JobId& id, std::function<void()> done);
  void Forget(LiveJob& job);

  LiveJob* FindJob(const JobId& id);
  LiveJob& AddJob(const JobId& id, const JobSpec& spec);
  void StartJob(const JobId& id, const JobSpec& spec, const Record& accepted);
  void RecoverJob(const JobId& id, const DiskJob& stored);
  void Apply(LiveJob& job, const Event& event, absl::Time hold_until);
  void Execute(LiveJob& job, Commands commands, absl::Time hold_until);
  void Append(LiveJob& job, const Record& record);
  void OnDurable(const JobId& id);
  void Publish(LiveJob& job, const Record& record);
  void UpdateTimer(LiveJob& job);
  ReadyAttempt MakeReady(LiveJob& job, const AttemptRef& ref, const std::string& model);
  void Dispatch(const Assignment& assignment);
  std::shared_ptr<const Call> BuildCall(const LiveJob& job, uint32_t task) const;

  void OnMessage(uint64_t session, ToCoordinator message);
  void OnHello(uint64_t session, Hello hello);
  bool TakeHeld(const WorkerId& worker, const Held& held);
  void WorkerLeft(const WorkerId& worker, uint64_t session);
  void AttemptEnded(const WorkerId& worker, const Event& event);
  CallEnd CallEndOf(const Event& event);
  void Release(const AttemptRef& ref);
  Session* SessionOf(const WorkerId& worker);
  void CheckConsistency();

  World& world_;
  Disk& disk_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // owners: as in SimStore
  const std::optional<Place> place_;
  std::unique_ptr<SimMember> member_;  // of a cluster
  uint64_t epoch_ = 0;
  absl::Time paused_until_ = absl::InfinitePast();
  bool suspended_ = false;
  std::set<JobId> started_;    // ever
  std::set<JobId> releasing_;  // given up, not durably yet
  absl::Duration skew_;
  absl::Time clock_ = absl::InfinitePast();
  SimStore store_;
  uint64_t next_job_ = 1;
  bool round_planned_ = false;
  absl::Time wake_up_ = absl::InfiniteFuture();

  std::map<JobId, std::unique_ptr<LiveJob>> jobs_;
  std::set<std::pair<absl::Time, JobId>> timers_;
  Scheduler scheduler_;
  std::map<uint64_t, Session> sessions_;
  std::map<WorkerId, uint64_t> workers_;  // the session of each
};

}  // namespace moa::sim
