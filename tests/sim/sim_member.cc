#include "tests/sim/sim_member.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/links.h"
#include "tests/sim/world.h"

namespace moa::sim {
namespace {

const absl::Duration kRenewEvery = SimMember::kLease / 5;
constexpr absl::Duration kShareEvery = absl::Milliseconds(500);
// The own clock may run slow by so much, and a little more.
constexpr double kDriftMax = 0.01;
constexpr double kOwnLeaseShare = 0.98;
constexpr size_t kClaimsMax = 4;  // at once
// A statement that hangs comes this late.
constexpr absl::Duration kLatest = absl::Seconds(8);

absl::Time StoreNow(const World& world, const Disk& disk) {
  return world.queue.now() + disk.clock_ahead;
}

}  // namespace

SimMember::SimMember(World& world, Disk& disk, int address, Callbacks callbacks)
    : world_(world),
      disk_(disk),
      address_(address),
      callbacks_(std::move(callbacks)),
      joined_(world.queue.now()) {
  epoch_ = ++disk_.epoch;
  rate_ = 1 + kDriftMax * (static_cast<double>(world_.random.Below(201)) - 100) / 100;
  for (auto& [epoch, member] : disk_.members) {
    if (member.address == address_) member.dead = true;
  }
  const absl::Time now = StoreNow(world_, disk_);
  disk_.members[epoch_] = {.address = address_, .lease_ends = now + kLease, .renewing_since = now};
  lease_over_at_ = kLease * kOwnLeaseShare;
  world_.auditor.Renewed(epoch_);
  Plan();
  ShareQuotas();
}

SimMember::~SimMember() { *alive_ = false; }

absl::Duration SimMember::Clock() const { return (world_.queue.now() - joined_) * rate_; }

bool SimMember::IsLeaseOver() const {
  return Clock() >= lease_over_at_ && world_.bug != Bug::kIgnoreSuspension;
}

void SimMember::After(absl::Duration delay, std::function<void()> action) {
  world_.queue.After(delay, [this, alive = alive_, action = std::move(action)] {
    if (!*alive) return;
    callbacks_.run([alive, action] {
      if (*alive) action();
    });
  });
}

void SimMember::Plan() {
  After(kRenewEvery / rate_, [this] {
    Plan();
    callbacks_.ticked();
    Renew();
  });
}

absl::Duration SimMember::WayToStore() {
  // A connection that hangs: the statement comes long after it was sent.
  if (world_.Fault(world_.weather.slow_message / 4)) {
    return world_.random.Between(absl::ZeroDuration(), kLatest);
  }
  return world_.NetworkDelay();
}

void SimMember::Renew() {
  if (!world_.links.Up(Links::Coordinator(address_), Links::kStore)) return;
  const absl::Duration sent = Clock();
  const int copies = world_.Fault(5) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    world_.queue.After(WayToStore(), [this, alive = alive_, sent] {
      if (*alive) AtStore(sent);
    });
  }
}

void SimMember::Answer(std::function<void()> action) {
  if (!world_.links.Up(Links::kStore, Links::Coordinator(address_))) return;
  After(WayToStore(), std::move(action));
}

void SimMember::AtStore(absl::Duration sent) {
  DiskMember& row = disk_.members.at(epoch_);
  if (row.dead) return Answer([this] { callbacks_.dead(); });
  // By the store's clock and row, for a statement may have hung for as long as the store was away.
  const absl::Time now = StoreNow(world_, disk_);
  if (row.lease_ends <= now) row.renewing_since = now;
  row.lease_ends = now + kLease;
  world_.auditor.Renewed(epoch_);
  const bool may_bury = now >= row.renewing_since + kLease;
  if (may_bury || world_.bug == Bug::kBuryAtOnce) BuryAtStore();
  Answer([this, sent, owned = ClaimAtStore()] {
    Renewed(sent);
    callbacks_.owns(owned);
  });
}

void SimMember::BuryAtStore() {
  const absl::Time now = StoreNow(world_, disk_);
  const absl::Duration early =
      world_.bug == Bug::kBuryUnexpired ? kLease * 0.75 : absl::ZeroDuration();
  for (auto& [epoch, member] : disk_.members) {
    if (member.dead || member.lease_ends - early > now) continue;
    world_.trace("member ", epoch_, " declares ", epoch, " dead");
    member.dead = true;
    world_.auditor.Buries(epoch_);
  }
}

// Those that are this member's already are named too: the answer that said so may have been lost.
std::vector<JobId> SimMember::ClaimAtStore() {
  std::vector<JobId> owned;
  size_t claimed = 0;
  for (auto& [id, job] : disk_.jobs) {
    if (job.terminal() && world_.bug != Bug::kEndAgain) continue;
    const bool free = job.owner == 0 || disk_.IsDead(job.owner) ||
                      (world_.bug == Bug::kClaimTwice && !job.terminal() && world_.Fault(1));
    if (job.owner != epoch_ && free && claimed < kClaimsMax) {
      world_.trace("member ", epoch_, " claims job ", id.value(), " of ", job.owner);
      job.owner = epoch_;
      ++claimed;
    }
    if (job.owner == epoch_) owned.push_back(id);
  }
  return owned;
}

void SimMember::Renewed(absl::Duration sent) {
  const absl::Duration now = Clock();
  const absl::Duration from = world_.bug == Bug::kLeaseFromReply ? now : sent;
  lease_over_at_ = std::max(lease_over_at_, from + kLease * kOwnLeaseShare);
  if (now < lease_over_at_) callbacks_.renewed();
}

// ------------------------------------------------------------------------------------------------
// Quotas: one transaction at a time, given up when no answer comes. A statement that hangs holds its lock, so
// nobody's next transaction comes before it.

void SimMember::ShareQuotas() {
  const bool reaches = world_.links.Up(Links::Coordinator(address_), Links::kStore);
  if (reaches && !IsLeaseOver()) {
    std::vector<QuotaNeed> needs = callbacks_.needs();
    for (QuotaNeed& need : needs) {
      for (const auto& [of, share] : lowered_) {
        if (of == need.of) need.share_ppm = std::min(need.share_ppm, share);
      }
    }
    const absl::Duration way = std::min(world_.NetworkDelay(), kShareEvery / 2);
    world_.queue.After(way, [this, alive = alive_, needs] {
      if (*alive) ShareAtStore(needs);
    });
  }
  After(kShareEvery / rate_ + world_.random.Between(absl::ZeroDuration(), absl::Milliseconds(40)),
        [this] { ShareQuotas(); });
}

void SimMember::ShareAtStore(const std::vector<QuotaNeed>& needs) {
  DiskMember& row = disk_.members.at(epoch_);
  if (row.dead) return;
  QuotaShareInput input{.me = epoch_, .needs = needs, .now = joined_ + Clock()};
  for (const auto& [epoch, member] : disk_.members) {
    if (member.dead) continue;
    input.members.push_back(epoch);
    input.rows.insert(input.rows.end(), member.shares.begin(), member.shares.end());
  }
  const QuotaShareAnswer answer = SplitQuotas(input);
  const bool aborts = world_.Fault(world_.weather.refusing_disk + 1);
  if (!aborts) row.shares = answer.publish;
  if (world_.bug == Bug::kKeepLoweredShare) {
    lowered_ = answer.use_now;
  } else {
    callbacks_.use(answer.use_now);
  }
  if (world_.bug == Bug::kShareBeforePublished) callbacks_.use(answer.use_after);
  if (aborts || !world_.links.Up(Links::kStore, Links::Coordinator(address_))) return;
  // An answer that comes after the transaction was given up is not heard.
  world_.queue.After(std::min(world_.NetworkDelay(), kShareEvery / 3),
                     [this, alive = alive_, answer] {
                       if (*alive && !IsLeaseOver()) callbacks_.use(answer.use_after);
                     });
}

}  // namespace moa::sim
