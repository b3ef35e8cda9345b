#include "coordinator/runtime/membership.h"

#include <algorithm>
#include <future>
#include <utility>

#include "common/base/status_macros.h"
#include "common/log/log.h"
#include "coordinator/replicas/load_balance.h"

namespace moa {
namespace {

// While leaving, how often it is looked whether further jobs have fallen idle.
constexpr absl::Duration kLeavingInterval = absl::Milliseconds(100);
constexpr size_t kReleasedAtOnce = 500;
// With others about, how often shares of quotas are settled, whatever the lease; and how soon again where somebody waits.
constexpr absl::Duration kSettleInterval = absl::Milliseconds(500);
constexpr absl::Duration kHurryInterval = absl::Milliseconds(20);

std::string PlaceOf(const Member& member) {
  return member.address.empty() ? "" : member.host + " " + member.address;
}

}  // namespace

Membership::Membership(Coordinator& coordinator, ReplicaStore& replicas, Options options,
                       std::function<void(const absl::Status&)> deposed)
    : coordinator_(coordinator),
      replicas_(replicas),
      options_(std::move(options)),
      deposed_(std::move(deposed)),
      loop_("moa-members"),
      quotas_(coordinator, replicas, options_.epoch),
      watch_(options_.lease, options_.lease / 2) {}

Membership::~Membership() {
  coordinator_.SetShareWanted(nullptr);
  loop_.Stop();
}

absl::Status Membership::Start() {
  std::promise<absl::Status> renewed;
  loop_.Post([&] {
    loop_.AssertHeld();
    absl::Status status = Renew();
    if (status.ok()) TickAt(Loop::Now());
    coordinator_.SetShareWanted([this] {
      loop_.Post([this] {
        loop_.AssertHeld();
        HurryUp();
      });
    });
    renewed.set_value(std::move(status));
  });
  return renewed.get_future().get();
}

void Membership::StartLeaving() {
  loop_.Post([this] {
    loop_.AssertHeld();
    leaving_ = true;
    TickAt(Loop::Now());
  });
}

absl::Status Membership::Leave() {
  std::promise<absl::Status> left;
  loop_.Post([&] {
    loop_.AssertHeld();
    over_ = true;
    left.set_value(replicas_.Leave());
  });
  return left.get_future().get();
}

void Membership::TickAt(absl::Time when) {
  if (timer_ != 0) loop_.CancelTimer(timer_);
  next_tick_ = when;
  timer_ = loop_.CallAt(when, [this] {
    loop_.AssertHeld();
    timer_ = 0;
    if (!over_) Tick();
  });
}

void Membership::HurryUp() {
  const absl::Time soon = std::max(Loop::Now(), last_tick_ + kHurryInterval);
  if (!over_ && soon < next_tick_) TickAt(soon);
}

absl::Duration Membership::pause() const {
  if (settle_again_) return kHurryInterval;
  if (leaving_) return std::min(kLeavingInterval, interval());
  return has_company_ ? std::min(kSettleInterval, interval()) : interval();
}

void Membership::Tick() {
  const absl::Time began = last_tick_ = Loop::Now();
  settle_again_ = false;
  absl::Status status = Renew();
  bool more = false;
  if (status.ok() && !leaving_) status = ClaimJobs(&more);
  if (over_) return;
  if (more) return TickAt(began);
  if (status.ok() && leaving_) GiveAway(kReleasedAtOnce);
  if (!status.ok() && !std::exchange(was_away_, true)) {
    LogWarning("cannot renew the lease; I keep trying", {{"reason", status.message()}});
  }
  if (status.ok() && std::exchange(was_away_, false)) LogInfo("the store is back");
  TickAt(began + pause());
}

absl::Status Membership::Renew() {
  const absl::Time sent = Loop::Now();
  absl::StatusOr<ClusterView> view = replicas_.Renew(options_.address, coordinator_.live_jobs());
  Tell([&](MembershipObserver& observer) {
    observer.Renewed(view.ok(), Loop::Now() - sent, sent + options_.lease);
  });
  if (absl::IsFailedPrecondition(view.status())) {
    Depose(view.status());
    return view.status();
  }
  MOA_RETURN_IF_ERROR(view.status());
  coordinator_.SetLease(sent + options_.lease);

  MemberAddresses::Map addresses;
  std::vector<MemberSeen> living;
  std::vector<uint64_t> loads;
  dead_members_ = 0;
  for (const Member& member : view->members) {
    if (member.dead) {
      ++dead_members_;
      continue;
    }
    living.push_back(
        {.epoch = member.epoch, .place = PlaceOf(member), .renewals = member.renewals});
    if (member.epoch == options_.epoch) continue;
    loads.push_back(member.jobs);
    if (!member.address.empty()) addresses[member.epoch] = member.address;
  }
  Tell([&living, dead = dead_members_](MembershipObserver& observer) {
    observer.MembersSeen(living.size(), dead);
  });
  coordinator_.addresses().Set(std::move(addresses));
  has_company_ = !loads.empty();
  if (!Bury(*view, watch_.Observe(living, options_.epoch, Loop::Now()))) {
    const absl::Status settled = quotas_.Settle(*view, &settle_again_);
    if (absl::IsAborted(settled)) settle_again_ = true;
    if (!settled.ok() && !absl::IsAborted(settled)) return settled;
  }
  ReleaseGiven();
  if (!leaving_) GiveAway(JobsToRelease(coordinator_.live_jobs(), loads));
  return absl::OkStatus();
}

bool Membership::Bury(const ClusterView& view, const std::vector<uint64_t>& dead) {
  if (dead.empty()) return false;
  ReplicaStore::Change change;
  for (const Member& member : view.members) {
    if (std::find(dead.begin(), dead.end(), member.epoch) != dead.end()) {
      change.dead.push_back(member);
    }
  }
  const absl::Status status = replicas_.Apply(view.version, change);
  // Refused because something else has changed: there will be another look.
  settle_again_ = true;
  if (absl::IsAborted(status)) return true;
  for (const uint64_t epoch : dead) {
    LogWarning(
        "declared a coordinator dead: it has not renewed its lease, or this one has taken "
        "its place",
        {{"epoch", epoch}, {"done", status.ok()}});
  }
  if (status.ok()) {
    dead_members_ += dead.size();
    Tell([&](MembershipObserver& observer) { observer.Buried(dead.size()); });
  }
  return true;
}

absl::Status Membership::ClaimJobs(bool* more) {
  // Not while jobs are given up and it is not known whether they are: they would be claimed, and then given up.
  if (Loop::Now() < claim_from_ || !given_.empty()) return absl::OkStatus();
  size_t count = 0;
  const bool may_run = dead_members_ > 0;
  const absl::Time until = Loop::Now() + interval() / 2;
  do {
    const absl::StatusOr<std::vector<StoredJob>> jobs = replicas_.Claim(options_.claim_max);
    if (absl::IsFailedPrecondition(jobs.status())) Depose(jobs.status());
    MOA_RETURN_IF_ERROR(jobs.status());
    coordinator_.TakeUp(*jobs, may_run);
    count += jobs->size();
    *more = jobs->size() == options_.claim_max;
    // In between the lease is renewed.
  } while (*more && Loop::Now() < until);
  if (count > 0) LogInfo("took up unfinished jobs", {{"jobs", count}});
  Tell([&](MembershipObserver& observer) { observer.JobsClaimed(count); });
  return absl::OkStatus();
}

void Membership::GiveAway(size_t limit) {
  if (limit == 0) return;
  std::promise<std::vector<JobId>> given;
  coordinator_.GiveUp(limit, [&](std::vector<JobId> ids) { given.set_value(std::move(ids)); });
  const std::vector<JobId> ids = given.get_future().get();
  if (ids.empty()) return;
  given_.insert(given_.end(), ids.begin(), ids.end());
  // For the others to come first.
  claim_from_ = Loop::Now() + 2 * interval();
  LogInfo("giving jobs to the other coordinators", {{"jobs", ids.size()}});
  Tell([&](MembershipObserver& observer) { observer.JobsGivenUp(ids.size()); });
  ReleaseGiven();
}

void Membership::ReleaseGiven() {
  if (given_.empty()) return;
  // Until it has succeeded they are this member's, and nobody's care.
  if (replicas_.Release(given_).ok()) given_.clear();
}

void Membership::Depose(const absl::Status& why) {
  if (std::exchange(over_, true)) return;
  coordinator_.SetLease(absl::InfinitePast());
  LogError("the other coordinators have taken over: this one ends",
           {{"reason", std::string(why.message())}});
  deposed_(why);
}

}  // namespace moa
