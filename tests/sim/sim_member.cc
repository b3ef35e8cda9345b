#include "tests/sim/sim_member.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/links.h"
#include "tests/sim/world.h"

namespace moa::sim {
namespace {

// As in coordinator/runtime, with a shorter lease.
constexpr absl::Duration kTickEvery = absl::Milliseconds(500);
constexpr absl::Duration kHurry = absl::Milliseconds(20);
const absl::Duration kAnswerTimeout = SimMember::kLease / 5;
// A statement that hangs comes this late.
constexpr absl::Duration kLatest = absl::Seconds(8);

// Often as far apart as may be.
double RandomRate(Random& random) {
  const uint32_t percent = random.Percent(50) ? 100 * random.Below(2) : random.Below(101);
  return 1 + MemberWatch::kDriftMax * percent / 100;
}

MemberWatch WatchWith(Bug bug) {
  return MemberWatch(bug == Bug::kBuryUnexpired ? SimMember::kLease * 0.7 : SimMember::kLease,
                     bug == Bug::kForgetGaps ? absl::InfiniteDuration() : SimMember::kLease / 2);
}

}  // namespace

SimMember::SimMember(World& world, Disk& disk, int address, Callbacks callbacks)
    : world_(world),
      address_(address),
      callbacks_(std::move(callbacks)),
      joined_(world.queue.now()),
      clock_began_(absl::UnixEpoch() +
                   world.random.Between(absl::ZeroDuration(), absl::Hours(1000))),
      rate_(RandomRate(world.random)),
      replicas_(world, disk),
      watch_(WatchWith(world.bug)),
      lease_over_at_(Now() + kLease) {
  After(absl::ZeroDuration(), [this] { Tick(); });
}

SimMember::~SimMember() { *alive_ = false; }

absl::Time SimMember::Now() const { return clock_began_ + (world_.queue.now() - joined_) * rate_; }

bool SimMember::IsLeaseOver() const {
  return Now() >= lease_over_at_ && world_.bug != Bug::kIgnoreSuspension;
}

void SimMember::After(absl::Duration delay, std::function<void()> action) {
  world_.queue.After(delay / rate_, [this, alive = alive_, action = std::move(action)] {
    if (!*alive) return;
    callbacks_.run([alive, action] {
      if (*alive) action();
    });
  });
}

absl::Duration SimMember::WayToStore() {
  // A connection that hangs: the statement comes long after it was sent.
  if (world_.Fault(world_.weather.slow_message / 4)) {
    return world_.random.Between(absl::ZeroDuration(), kLatest);
  }
  return world_.NetworkDelay();
}

void SimMember::Ask(std::function<Answer(SimReplicas&)> what,
                    std::function<void(const Answer&)> then) {
  const auto hear = [this, question = ++question_, then = std::move(then)](const Answer& answer) {
    if (question != question_) return;
    ++question_;
    if (answer.reply != Reply::kDead) return then(answer);
    lease_over_at_ = absl::InfinitePast();
    callbacks_.dead();
  };
  After(kAnswerTimeout, [hear] { hear({}); });
  if (!world_.links.Up(Links::Coordinator(address_), Links::kStore)) return;
  world_.queue.After(WayToStore(), [this, &world = world_, address = address_, alive = alive_, hear,
                                    what = std::move(what), replicas = replicas_]() mutable {
    Answer answer;
    if (!world.Fault(world.weather.refusing_disk)) answer = what(replicas);
    if (!*alive || !world.links.Up(Links::kStore, Links::Coordinator(address))) return;
    After(WayToStore(), [hear, answer = std::move(answer)] { hear(answer); });
  });
}

// ------------------------------------------------------------------------------------------------
// As Membership does

void SimMember::Tick() {
  tick_began_ = Now();
  look_again_ = false;
  callbacks_.ticked();
  Ask([address = address_](SimReplicas& store) { return store.Renew(address); },
      [this, sent = tick_began_](const Answer& answer) {
        if (answer.reply != Reply::kOk) return EndTick();
        Renewed(sent, answer.view);
      });
}

void SimMember::EndTick() {
  callbacks_.ticked();
  const absl::Time next = tick_began_ + (look_again_ ? kHurry : kTickEvery);
  After(std::max(next - Now(), absl::ZeroDuration()), [this] { Tick(); });
}

void SimMember::Renewed(absl::Time sent, const Cluster& view) {
  lease_over_at_ = (world_.bug == Bug::kLeaseFromReply ? Now() : sent) + kLease;
  if (Now() < lease_over_at_) callbacks_.renewed();
  const std::vector<uint64_t> dead = Dead(view);
  if (dead.empty()) return Settle(view);
  Bury(view, dead);
}

std::vector<uint64_t> SimMember::Dead(const Cluster& view) {
  std::vector<MemberSeen> living;
  for (const auto& [epoch, member] : view.members) {
    if (member.dead) continue;
    living.push_back({.epoch = epoch,
                      .place = member.address < 0 ? "" : absl::StrCat("place ", member.address),
                      .renewals = member.renewals});
  }
  return watch_.Observe(living, epoch(), Now());
}

void SimMember::Bury(const Cluster& view, const std::vector<uint64_t>& dead) {
  SimReplicas::Change change;
  for (const uint64_t other : dead) {
    change.dead.emplace_back(other, view.members.at(other).renewals);
  }
  look_again_ = true;  // the view is of the past then
  Ask([version = view.version, change](SimReplicas& store) { return store.Apply(version, change); },
      [this](const Answer&) { ClaimJobs(); });
}

void SimMember::ClaimJobs() {
  Ask([](SimReplicas& store) { return store.Claim(); },
      [this](const Answer& answer) {
        if (answer.reply == Reply::kOk) callbacks_.owns(answer.jobs);
        EndTick();
      });
}

// ------------------------------------------------------------------------------------------------
// As QuotaSharing does

QuotaShareInput SimMember::QuotasIn(const Cluster& view) const {
  QuotaShareInput input{.me = epoch(), .needs = callbacks_.needs(), .now = Now()};
  for (QuotaNeed& need : input.needs) {
    for (const auto& [of, share] : lowered_) {
      if (of == need.of) need.share_ppm = std::min(need.share_ppm, share);
    }
  }
  for (const auto& [epoch, member] : view.members) {
    if (member.dead) continue;
    input.members.push_back(epoch);
    for (const auto& [of, row] : member.shares) input.rows.push_back(row);
  }
  return input;
}

void SimMember::Settle(const Cluster& view) {
  const QuotaShareInput input = QuotasIn(view);
  const QuotaShareAnswer answer = SplitQuotas(input);
  if (world_.bug == Bug::kKeepLoweredShare) {
    lowered_ = answer.use_now;
  } else {
    callbacks_.use(answer.use_now);
  }
  if (world_.bug == Bug::kShareBeforePublished) callbacks_.use(answer.use_after);
  look_again_ = !answer.use_now.empty();
  const QuotaShareChange change = ChangeOf(input, answer);
  if (!change.needed) return Settled(Reply::kOk, answer.use_after);
  Ask([version = view.version,
       change](SimReplicas& store) { return store.Apply(version, {.shares = change}); },
      [this, use_after = answer.use_after](const Answer& applied) {
        Settled(applied.reply, use_after);
      });
}

void SimMember::Settled(Reply reply, const QuotaShareAnswer::Shares& use_after) {
  if (reply == Reply::kUnavailable) return EndTick();
  if (reply == Reply::kOk) callbacks_.use(use_after);
  if (reply == Reply::kAborted) look_again_ = true;
  ClaimJobs();
}

}  // namespace moa::sim
