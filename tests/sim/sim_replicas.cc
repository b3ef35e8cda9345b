#include "tests/sim/sim_replicas.h"

#include "tests/sim/world.h"

namespace moa::sim {
namespace {

constexpr size_t kClaimsMax = 4;  // at once

}  // namespace

SimReplicas::SimReplicas(World& world, Disk& disk)
    : world_(&world), disk_(&disk), epoch_(++disk.epoch) {
  disk.cluster.members[epoch_] = {};
  ++disk.cluster.version;
  world.auditor.Renewed(epoch_);
}

SimReplicas::Answer SimReplicas::Renew(int address) {
  if (row().dead) return {.reply = Reply::kDead};
  row().address = address;
  ++row().renewals;
  world_->auditor.Renewed(epoch_);
  return {.reply = Reply::kOk, .view = disk_->cluster};
}

SimReplicas::Answer SimReplicas::Apply(uint64_t version, const Change& change) {
  const bool is_past = disk_->cluster.version != version;
  if (is_past && world_->bug != Bug::kApplyOldView) return {.reply = Reply::kAborted};
  if (row().dead) return {.reply = Reply::kDead};
  ++disk_->cluster.version;
  for (const auto& [epoch, renewals] : change.dead) DeclareDead(epoch, renewals);
  for (const QuotaKey& of : change.shares.gone) row().shares.erase(of);
  for (const QuotaShareRow& share : change.shares.set) row().shares[share.of] = share;
  return {.reply = Reply::kOk};
}

void SimReplicas::DeclareDead(uint64_t epoch, uint64_t renewals) {
  DiskMember& member = disk_->cluster.members.at(epoch);
  if (member.dead) return;
  if (member.renewals != renewals && world_->bug != Bug::kBuryRenewed) return;
  if (member.committing && world_->bug != Bug::kBuryCommitting) return;
  world_->trace("member ", epoch_, " declares ", epoch, " dead");
  member.dead = true;
  member.shares.clear();
  world_->auditor.DeclaredDead(epoch, epoch_);
}

SimReplicas::Answer SimReplicas::Claim() {
  if (row().dead) return {.reply = Reply::kDead};
  Answer answer{.reply = Reply::kOk};
  size_t claimed = 0;
  for (auto& [id, job] : disk_->jobs) {
    if (job.terminal() && world_->bug != Bug::kEndAgain) continue;
    const bool free = job.owner == 0 || disk_->IsDead(job.owner) ||
                      (world_->bug == Bug::kClaimTwice && !job.terminal() && world_->Fault(1));
    if (job.owner != epoch_ && free && claimed < kClaimsMax) {
      world_->trace("member ", epoch_, " claims job ", id.value(), " of ", job.owner);
      job.owner = epoch_;
      ++claimed;
    }
    if (job.owner == epoch_) answer.jobs.push_back(id);
  }
  return answer;
}

}  // namespace moa::sim
