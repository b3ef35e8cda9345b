#include "coordinator/runtime/quota_sharing.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "coordinator/convert/share_codec.h"
#include "coordinator/scheduler/quota_shares.h"

namespace moa {
namespace {

// A need that has changed by less is not worth a write.
constexpr uint32_t kNeedSlack = 50'000;

bool IsWorthPublishing(const QuotaShareRow& before, QuotaShareRow now) {
  const uint32_t change =
      std::max(before.need_ppm, now.need_ppm) - std::min(before.need_ppm, now.need_ppm);
  if (change < kNeedSlack && (before.need_ppm == 0) == (now.need_ppm == 0)) {
    now.need_ppm = before.need_ppm;
  }
  return !(before == now);
}

}  // namespace

absl::Status QuotaSharing::Settle(const ClusterView& view, bool* again) {
  QuotaShareInput input{.me = me_, .needs = coordinator_.QuotaNeeds(), .now = Loop::Now()};
  for (const Member& member : view.members) {
    if (!member.dead) input.members.push_back(member.epoch);
  }
  for (const StoredShare& stored : view.shares) {
    MOA_ASSIGN_OR_RETURN(QuotaShareRow row, DecodeShare(stored));
    input.rows.push_back(std::move(row));
  }
  const QuotaShareAnswer answer = SplitQuotas(input);
  const bool alone = input.members.size() == 1;
  coordinator_.UseShares(answer.use_now, alone, answer.learned);
  *again = !answer.use_now.empty();

  ReplicaStore::Change change;
  for (const QuotaShareRow& row : answer.publish) {
    const auto before = std::find_if(
        input.rows.begin(), input.rows.end(),
        [&](const QuotaShareRow& mine) { return mine.member == me_ && mine.of == row.of; });
    if (before == input.rows.end() || IsWorthPublishing(*before, row)) {
      change.shares.push_back(EncodeShare(row));
    }
  }
  for (const QuotaShareRow& row : input.rows) {
    const bool kept = std::any_of(answer.publish.begin(), answer.publish.end(),
                                  [&](const QuotaShareRow& mine) { return mine.of == row.of; });
    if (row.member == me_ && !kept) change.gone_shares.push_back(EncodeShare(row));
  }
  if (!change.shares.empty() || !change.gone_shares.empty()) {
    MOA_RETURN_IF_ERROR(replicas_.Apply(view.version, change));
  }
  coordinator_.UseShares(answer.use_after, alone, {});
  return absl::OkStatus();
}

}  // namespace moa
