#include "coordinator/replicas/member_watch.h"

#include <algorithm>
#include <utility>

namespace moa {

std::vector<uint64_t> MemberWatch::Observe(const std::vector<MemberSeen>& living, uint64_t me,
                                           absl::Time now) {
  const bool gap = now - std::exchange(last_, now) > gap_max_;
  const auto mine = std::find_if(living.begin(), living.end(),
                                 [&](const MemberSeen& member) { return member.epoch == me; });
  const std::string place = mine == living.end() ? "" : mine->place;
  std::vector<uint64_t> dead;
  absl::btree_map<uint64_t, Seen> seen;
  for (const MemberSeen& member : living) {
    if (member.epoch == me) continue;
    const auto before = seen_.find(member.epoch);
    const bool same = !gap && before != seen_.end() && before->second.renewals == member.renewals;
    const absl::Time since = same ? before->second.since : now;
    seen.emplace(member.epoch, Seen{.renewals = member.renewals, .since = since});
    // A later one at this place is this member's own successor: that one will say so.
    const bool replaced = !place.empty() && member.place == place && member.epoch < me;
    if (replaced || now - since > lease_ * (1 + kDriftMax)) dead.push_back(member.epoch);
  }
  seen_ = std::move(seen);
  return dead;
}

}  // namespace moa
