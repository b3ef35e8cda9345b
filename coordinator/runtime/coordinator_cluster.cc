// What a coordinator does because it is not the only one: its lease, jobs that come and go, workers' offers.

#include <algorithm>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/log/log.h"
#include "coordinator/runtime/coordinator.h"

namespace moa {
namespace {

// Jobs that are taken up in one turn of the loop: so long others wait.
constexpr size_t kTakenAtOnce = 20;
// How often workers are told what waits for them.
constexpr absl::Duration kDemandInterval = absl::Milliseconds(100);

}  // namespace

void Coordinator::SetLease(absl::Time until) {
  loop_.Post([this, until] {
    loop_.AssertHeld();
    lease_until_ = until;
    CheckLease();
  });
}

void Coordinator::CheckLease() {
  const bool over = Loop::Now() >= lease_until_;
  if (over == suspended()) return;
  suspended_.store(over);
  if (!over) return LogInfo("the lease is renewed: going on", {{"jobs", jobs_.size()}});
  LogWarning("the lease is over: no call is sent until the store is reached",
             {{"jobs", jobs_.size()}, {"attempts", scheduler_.running()}});
  // Workers offer what they hold to whoever owns it by now, or again to this coordinator.
  while (!workers_.empty()) {
    const auto& [id, entry] = *workers_.begin();
    WorkerLink* link = entry.link;
    WorkerLeft(WorkerId(id), link);
    link->Close("this coordinator's lease is over: dial again");
  }
  for (auto& [id, job] : jobs_) {
    EndWatches(*job, absl::UnavailableError("this coordinator's lease is over: watch again, at "
                                            "another one, from the last sequence"));
  }
}

std::vector<QuotaNeed> Coordinator::QuotaNeeds() {
  std::promise<std::vector<QuotaNeed>> needs;
  loop_.Post([&] {
    loop_.AssertHeld();
    needs.set_value(scheduler_.QuotaNeeds(Loop::Now()));
  });
  return needs.get_future().get();
}

void Coordinator::UseShares(const QuotaShareAnswer::Shares& shares, bool alone,
                            const std::vector<std::pair<QuotaKey, QuotaLimits>>& learned) {
  if (shares.empty() && learned.empty()) return;
  std::promise<void> used;
  loop_.Post([&] {
    loop_.AssertHeld();
    const absl::Time now = Loop::Now();
    for (const auto& [of, limits] : learned) scheduler_.LearnLimits(of, limits, now);
    for (const auto& [of, share] : shares) scheduler_.SetShare(of, share, now, alone);
    used.set_value();
  });
  used.get_future().get();
}

void Coordinator::SetShareWanted(absl::AnyInvocable<void()> wanted) {
  loop_.Post([this, wanted = std::move(wanted)]() mutable {
    loop_.AssertHeld();
    share_wanted_ = std::move(wanted);
  });
}

void Coordinator::Locate(const JobId& id,
                         absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) {
  if (replicas_ == nullptr) return done(std::string());
  loop_.Post([this, id, done = std::move(done)]() mutable {
    loop_.AssertHeld();
    if (FindJob(id) != nullptr) {
      if (!suspended()) return done(std::string());
      return done(absl::UnavailableError("this coordinator's lease is over: try another one"));
    }
    reader_.Post([this, id, done = std::move(done)]() mutable {
      const absl::StatusOr<JobRow> row = replicas_->Find(id);
      if (!row.ok()) return done(row.status());
      if (IsTerminal(row->state)) return done(std::string());
      std::string address = addresses_.Of(row->owner);
      if (!address.empty()) return done(std::move(address));
      done(absl::UnavailableError(
          "no coordinator has this job at the moment, one will soon: try again"));
    });
  });
}

void Coordinator::TakeUp(const std::vector<StoredJob>& jobs, bool may_run) {
  for (size_t i = 0; i < jobs.size();) {
    const size_t end = std::min(jobs.size(), i + kTakenAtOnce);
    std::promise<std::vector<std::pair<size_t, absl::Status>>> taken;
    loop_.Post([&] {
      loop_.AssertHeld();
      std::vector<std::pair<size_t, absl::Status>> unreadable;
      const Hold hold = {.until = may_run ? Loop::Now() + options_.adoption_grace
                                          : absl::InfinitePast()};
      for (; i < end; ++i) {
        if (FindJob(jobs[i].row.id) != nullptr) continue;
        absl::Status status = RecoverJob(jobs[i], hold);
        if (!status.ok()) unreadable.emplace_back(i, std::move(status));
      }
      taken.set_value(std::move(unreadable));
    });
    for (const auto& [bad, why] : taken.get_future().get()) EndUnreadable(jobs[bad], why);
  }
}

bool Coordinator::IsIdle(const LiveJob& job) const {
  if (job.machine.ended() || !job.unstored.empty()) return false;
  if (job.machine.state() == JobState::kQueued) return true;
  if (!draining()) return false;
  for (uint32_t i = 0; i < job.plan->tasks.size(); ++i) {
    if (job.machine.task(i).state == TaskState::kRunning) return false;
  }
  return true;
}

void Coordinator::GiveUp(size_t limit, absl::AnyInvocable<void(std::vector<JobId>)> done) {
  loop_.Post([this, limit, done = std::move(done)]() mutable {
    loop_.AssertHeld();
    std::vector<JobId> given;
    for (const auto& [id, job] : jobs_) {
      if (given.size() >= limit) break;
      if (IsIdle(*job)) given.push_back(id);
    }
    for (const JobId& id : given) {
      LiveJob& job = *FindJob(id);
      for (uint32_t i = 0; i < job.plan->tasks.size(); ++i) {
        scheduler_.Remove(job.machine.task(i).current);
      }
      EndWatches(job, absl::UnavailableError("the job moves to another coordinator: watch again "
                                             "from the last sequence"));
      if (job.counted_queued) --jobs_queued_;
      live_jobs_.fetch_sub(1);
      live_bytes_.fetch_sub(job.text_bytes);
      RemoveJob(id);
    }
    done(std::move(given));
  });
}

void Coordinator::WorkerOffers(const WorkerId& id, const WorkerLink* link,
                               std::vector<HeldAttempt> held,
                               const std::vector<AttemptRef>& withdrawn) {
  if (LinkOf(id) != link) return;
  for (const AttemptRef& ref : withdrawn) offers_.Withdraw(id, ref);
  absl::btree_set<JobId> jobs;
  for (HeldAttempt& attempt : held) {
    jobs.insert(attempt.ref.job);
    offers_.Add(id, std::move(attempt));
  }
  std::vector<JobId> unknown;
  for (const JobId& job_id : jobs) {
    if (LiveJob* job = FindJob(job_id)) {
      SettleOffers(*job);
    } else {
      unknown.push_back(job_id);
    }
  }
  if (unknown.empty() || replicas_ == nullptr) return;
  // Of a job that has ended meanwhile nobody will want anything.
  reader_.Post([this, unknown = std::move(unknown)] {
    for (const JobId& job : unknown) {
      const absl::StatusOr<JobRow> row = replicas_->Find(job);
      const bool over = row.ok() ? IsTerminal(row->state) : absl::IsNotFound(row.status());
      if (!over) continue;
      loop_.Post([this, job] {
        loop_.AssertHeld();
        RefuseOffers(job);
      });
    }
  });
}

void Coordinator::SettleOffers(LiveJob& job) {
  for (const OfferBook::Offer& offer : offers_.Take(job.machine.id())) {
    WorkerLink* link = LinkOf(offer.worker);
    if (link == nullptr) continue;
    const AttemptRef& ref = offer.held.ref;
    link->Claim({ref});
    if (IsBeingStored(ref)) continue;
    if (!TakeHeld(offer.worker, offer.held)) {
      // Nobody wants it: claimed to be closed.
      link->Cancel(ref);
    } else {
      if (job.readers.Read(*job.plan, ref.task)) link->StreamDeltas(ref, true);
      PublishStarted(job, ref.task);
    }
  }
}

void Coordinator::RefuseOffers(const JobId& id) {
  if (FindJob(id) != nullptr) return;
  for (const OfferBook::Offer& offer : offers_.Take(id)) {
    WorkerLink* link = LinkOf(offer.worker);
    if (link == nullptr) continue;
    link->Claim({offer.held.ref});
    link->Cancel(offer.held.ref);
  }
}

void Coordinator::ReportDemand() {
  if (replicas_ == nullptr || workers_.empty()) return;
  const absl::Time now = Loop::Now();
  if (now < demand_told_ + kDemandInterval) return;
  demand_told_ = now;
  uint64_t ready = 0;
  for (const auto& [model, count] : scheduler_.ready_by_model()) ready += count;
  for (auto& [id, entry] : workers_) {
    // Where a slot is free it is something else that they wait for.
    const bool full = scheduler_.RunningOn(id) >= entry.info.hello.slots;
    const auto waiting =
        full ? static_cast<uint32_t>((ready + workers_.size() - 1) / workers_.size()) : 0;
    if (waiting == entry.demand_told) continue;
    entry.demand_told = waiting;
    entry.link->Demand(waiting);
  }
}

}  // namespace moa
