#include "coordinator/runtime/quota_sharing.h"

#include <utility>

#include "common/base/status_macros.h"
#include "coordinator/convert/share_codec.h"
#include "coordinator/scheduler/quota_shares.h"

namespace moa {

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

  const QuotaShareChange change = ChangeOf(input, answer);
  if (change.needed) {
    ReplicaStore::Change written;
    for (const QuotaShareRow& row : change.set) written.shares.push_back(EncodeShare(row));
    for (const QuotaKey& of : change.gone) {
      written.gone_shares.push_back({.member = me_, .quota_key = of.key, .model = of.model});
    }
    MOA_RETURN_IF_ERROR(replicas_.Apply(view.version, written));
  }
  coordinator_.UseShares(answer.use_after, alone, {});
  return absl::OkStatus();
}

}  // namespace moa
