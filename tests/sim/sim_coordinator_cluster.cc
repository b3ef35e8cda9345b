// A coordinator among others: its lease, jobs that come and go, offers of workers, clients of other owners' jobs.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/links.h"
#include "tests/sim/sim_coordinator.h"
#include "tests/sim/world.h"

namespace moa::sim {
namespace {

// How often a watch of another's job looks for more.
constexpr absl::Duration kLookEvery = absl::Milliseconds(300);

}  // namespace

SimMember::Callbacks SimCoordinator::MemberCallbacks() {
  return {.dead = place_->died,
          .ticked = [this] { Touch(); },
          .renewed =
              [this] {
                suspended_ = false;
                place_->shares_changed();
                Touch();
              },
          .owns = [this](const std::vector<JobId>& jobs) { Owns(jobs); },
          .needs = [this] { return scheduler_.QuotaNeeds(Now()); },
          .use = [this](const QuotaShareAnswer::Shares& shares) { UseShares(shares); },
          .run = [this](std::function<void()> action) { Run(std::move(action)); }};
}

void SimCoordinator::Run(std::function<void()> action) {
  if (world_.queue.now() >= paused_until_) return action();
  world_.queue.At(paused_until_, [alive = alive_, action = std::move(action)] {
    if (*alive) action();
  });
}

void SimCoordinator::Pause(absl::Duration duration) {
  world_.trace("coordinator of epoch ", epoch_, " is not scheduled for ",
               absl::FormatDuration(duration));
  paused_until_ = std::max(paused_until_, world_.queue.now() + duration);
}

void SimCoordinator::MoveClock(absl::Duration by) {
  world_.trace("the clock of epoch ", epoch_, " is moved by ", absl::FormatDuration(by));
  skew_ += by;
  Touch();
}

bool SimCoordinator::answers() const {
  return !IsSuspended() && world_.queue.now() >= paused_until_;
}

// Sends nothing, hears nothing and answers nobody until the lease goes on.
void SimCoordinator::Suspend() {
  if (std::exchange(suspended_, true)) return;
  world_.trace("coordinator of epoch ", epoch_, " is suspended");
  for (auto& [id, session] : sessions_) {
    session.stream->CoordinatorGone();
    if (!session.worker.empty()) WorkerLeft(session.worker, id);
  }
  sessions_.clear();
  for (auto& [id, job] : jobs_) {
    for (const Watcher& watcher : std::exchange(job->watchers, {})) watcher.broken();
    job->when_ended.clear();
  }
}

void SimCoordinator::UseShares(const QuotaShareAnswer::Shares& shares) {
  if (shares.empty()) return;
  for (const auto& [of, share] : shares) scheduler_.SetShare(of, share, Now());
  place_->shares_changed();
  Touch();
}

// ------------------------------------------------------------------------------------------------
// Jobs that come and go

void SimCoordinator::Owns(const std::vector<JobId>& jobs) {
  for (const JobId& id : jobs) {
    const DiskJob& stored = disk_.jobs.at(id);
    if (FindJob(id) != nullptr || releasing_.contains(id) || stored.owner != epoch_) continue;
    if (!stored.terminal()) {
      RecoverJob(id, stored);
    } else if (world_.bug == Bug::kEndAgain && started_.insert(id).second) {
      Record again = stored.records.back();
      ++again.sequence;
      store_.Update(id, again, [] {});
    }
  }
  for (auto& [worker, session] : workers_) TryClaims(sessions_.at(session));
  Touch();
}

void SimCoordinator::ReleaseOne() {
  if (!answers()) return;
  for (auto& [id, job] : jobs_) {
    const std::vector<JobTask>& tasks = job->machine.tasks();
    const bool begun =
        job->machine.ended() || !job->unstored.empty() || !job->when_ended.empty() ||
        std::any_of(tasks.begin(), tasks.end(), [](const JobTask& task) {
          return task.attempts > 0 || task.finished || task.state == TaskState::kRunning;
        });
    if (begun) continue;
    world_.trace("job ", id.value(), " is given up by ", epoch_);
    for (const Watcher& watcher : std::exchange(job->watchers, {})) watcher.broken();
    const JobId released = id;
    releasing_.insert(released);
    store_.Release(released, [this, released] { releasing_.erase(released); });
    if (world_.bug == Bug::kRunReleased) return;
    for (const JobTask& task : tasks) {
      if (task.current.attempt != 0) scheduler_.Remove(task.current);
    }
    return Forget(*job);
  }
}

// ------------------------------------------------------------------------------------------------
// What workers hold of others

void SimCoordinator::OnOffer(Session& session, const Offer& offer) {
  for (const Held& held : offer.held) session.offered[held.ref] = held.input_hash;
  for (const AttemptRef& ref : offer.withdrawn) session.offered.erase(ref);
  TryClaims(session);
}

void SimCoordinator::TryClaims(Session& session) {
  Claim claim;
  for (auto it = session.offered.begin(); it != session.offered.end();) {
    Held held{.ref = it->first, .input_hash = it->second};
    const LiveJob* job = FindJob(held.ref.job);
    if (world_.bug == Bug::kClaimWrongInput && job != nullptr && !job->machine.ended() &&
        job->machine.task(held.ref.task).state == TaskState::kQueued) {
      held.input_hash = BuildCall(*job, held.ref.task)->Hash();
    }
    if (job == nullptr || scheduler_.WorkerOf(held.ref) != nullptr ||
        !TakeHeld(session.worker, held)) {
      ++it;
      continue;
    }
    world_.trace("member ", epoch_, " claims ", Name(held.ref), " from ", session.worker.value());
    claim.refs.push_back(held.ref);
    it = session.offered.erase(it);
  }
  if (!claim.refs.empty()) session.pending.push_back(std::move(claim));
}

void SimCoordinator::SendDemand() {
  const auto waiting = static_cast<uint32_t>(scheduler_.queued());
  for (auto& [worker, id] : workers_) {
    Session& session = sessions_.at(id);
    if (std::exchange(session.demand, waiting) == waiting) continue;
    session.pending.push_back(Demand{waiting});
  }
}

// ------------------------------------------------------------------------------------------------
// Clients whose job another owns

void SimCoordinator::WatchElsewhere(const JobId& id, uint64_t after, Watcher watcher) {
  if (!answers() || !world_.links.BothUp(Links::Coordinator(place_->address), Links::kStore)) {
    return watcher.broken();
  }
  const auto stored = disk_.jobs.find(id);
  if (stored == disk_.jobs.end()) {
    return world_.auditor.Fail("no acknowledged job is lost", absl::StrCat("job ", id.value()));
  }
  const std::vector<Record>& records = stored->second.records;
  if (world_.bug == Bug::kWatchResumesLate && after > 0 && after < records.size()) ++after;
  for (; after < records.size(); ++after) watcher.event(records[after]);
  if (stored->second.terminal()) return watcher.end();
  world_.queue.After(kLookEvery, [this, alive = alive_, id, after, watcher] {
    if (!*alive) return;
    Run([this, id, after, watcher] {
      if (FindJob(id) != nullptr) return watcher.broken();  // it is this one's now
      WatchElsewhere(id, after, watcher);
    });
  });
}

void SimCoordinator::CancelElsewhere(const JobId& id, std::function<void()> done) {
  const auto stored = disk_.jobs.find(id);
  if (stored == disk_.jobs.end()) return;
  if (stored->second.terminal()) return done();
  const uint64_t owner = stored->second.owner;
  world_.queue.After(world_.NetworkDelay(), [this, alive = alive_, id, owner, done] {
    SimCoordinator* peer = *alive ? place_->peer(owner) : nullptr;
    // Not live there either: it is on its way from one to another, and the client asks again.
    if (peer != nullptr && peer->FindJob(id) != nullptr) peer->Cancel(id, done);
  });
}

}  // namespace moa::sim
