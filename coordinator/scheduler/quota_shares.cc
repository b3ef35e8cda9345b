#include "coordinator/scheduler/quota_shares.h"

#include <algorithm>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "common/base/check.h"
#include "common/base/fair_split.h"

namespace moa {
namespace {

constexpr absl::Duration kTurnMin = absl::Seconds(2);
constexpr absl::Duration kTurnMax = absl::Minutes(10);
// Beyond the time when a call fits: until it is sent, whatever else has its turn.
constexpr absl::Duration kTurnGrace = absl::Seconds(1);
// A need that has changed by less is not worth a write.
constexpr uint32_t kNeedSlack = 50'000;

// One quota, as one member that is in the transaction sees it.
class Split {
 public:
  // `rows` are those of living members for this quota.
  using Members = absl::btree_set<uint64_t>;
  using Rows = absl::btree_map<uint64_t, const QuotaShareRow*>;

  Split(const QuotaShareInput& input, const Members& members, const QuotaNeed& need,
        const Rows& rows)
      : input_(input), members_(members), need_(need), rows_(rows) {
    mine_ = {.member = input.me, .of = need.of, .share_ppm = need.share_ppm};
    const auto before = rows.find(input.me);
    if (before != rows.end()) {
      mine_.turn = before->second->turn;
      mine_.holds = before->second->holds;
      mine_.turn_ends = before->second->turn_ends;
    }
    mine_.need_ppm = need.need_ppm;
    mine_.waits = need.waits;
    mine_.limits = need.limits;
  }

  void Answer(QuotaShareAnswer& answer) {
    const uint32_t fair = FairShare();
    mine_.wants_whole = need_.waits && need_.least_ppm > fair;
    const uint32_t target = GoesAround() ? TargetInTurns() : fair;
    if (!GoesAround()) PassOn();
    const uint32_t used = need_.share_ppm;
    const uint32_t mine = std::min(target, Free());
    if (mine < used) answer.use_now.emplace_back(need_.of, mine);
    if (mine > used) {
      mine_.share_ppm = mine;
      answer.use_after.emplace_back(need_.of, mine);
    }
    answer.publish.push_back(mine_);
    Learn(answer);
  }

 private:
  const QuotaShareRow* RowOf(uint64_t member) const {
    if (member == input_.me) return &mine_;
    const auto it = rows_.find(member);
    return it == rows_.end() ? nullptr : it->second;
  }

  uint32_t FairShare() const {
    std::vector<uint64_t> needs;
    size_t my_place = 0;
    for (const uint64_t member : members_) {
      if (member == input_.me) my_place = needs.size();
      const QuotaShareRow* row = RowOf(member);
      needs.push_back(std::max(kQuotaToehold, row == nullptr ? 0 : row->need_ppm));
    }
    return static_cast<uint32_t>(FairSplit(kQuotaWhole, needs)[my_place]);
  }

  // What no other member may be using.
  uint32_t Free() const {
    uint64_t taken = 0;
    for (const auto& [member, row] : rows_) {
      if (member != input_.me) taken += row->share_ppm;
    }
    return static_cast<uint32_t>(kQuotaWhole - std::min<uint64_t>(taken, kQuotaWhole));
  }

  bool GoesAround() const {
    return std::any_of(members_.begin(), members_.end(), [&](uint64_t member) {
      const QuotaShareRow* row = RowOf(member);
      return row != nullptr && row->wants_whole;
    });
  }

  bool OtherHolds() const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const auto& row) {
      return row.first != input_.me && row.second->holds;
    });
  }

  // Who comes next, of those that wait: the longest without a turn. Null when it is nobody but me.
  const QuotaShareRow* NextOther() const {
    const QuotaShareRow* next = nullptr;
    for (const auto& [member, row] : rows_) {
      if (member == input_.me || !row->waits) continue;
      if (next == nullptr || row->turn < next->turn) next = row;
    }
    return next;
  }

  void PassOn() {
    mine_.holds = false;
    mine_.turn_ends = absl::InfiniteFuture();
  }

  uint32_t TargetInTurns() {
    if (mine_.holds) {
      if (NextOther() != nullptr && (!need_.waits || IsTurnOver())) PassOn();
    } else if (need_.waits && !OtherHolds()) {
      const QuotaShareRow* other = NextOther();
      const bool before_it = other == nullptr || std::pair(mine_.turn, mine_.member) <
                                                     std::pair(other->turn, other->member);
      if (before_it) Take();
    }
    return mine_.holds ? kQuotaWhole : 0;
  }

  void Take() {
    for (const auto& [member, row] : rows_) mine_.turn = std::max(mine_.turn, row->turn);
    ++mine_.turn;
    mine_.holds = true;
  }

  bool IsTurnOver() {
    if (need_.share_ppm < kQuotaWhole) return false;  // some have not given up theirs
    const absl::Duration enough = std::clamp(need_.whole_for + kTurnGrace, kTurnMin, kTurnMax);
    mine_.turn_ends =
        std::min(mine_.turn_ends, input_.now + enough);  // sooner when a report says so
    return input_.now >= mine_.turn_ends;
  }

  void Learn(QuotaShareAnswer& answer) const {
    if (!(need_.limits == QuotaLimits())) return;
    for (const auto& [member, row] : rows_) {
      if (row->limits == QuotaLimits()) continue;
      answer.learned.emplace_back(need_.of, row->limits);
      return;
    }
  }

  const QuotaShareInput& input_;
  const Members& members_;
  const QuotaNeed& need_;
  const Rows& rows_;
  QuotaShareRow mine_;
};

bool IsWorthPublishing(const QuotaShareRow& before, QuotaShareRow now) {
  const uint32_t change =
      std::max(before.need_ppm, now.need_ppm) - std::min(before.need_ppm, now.need_ppm);
  if (change < kNeedSlack && (before.need_ppm == 0) == (now.need_ppm == 0)) {
    now.need_ppm = before.need_ppm;
  }
  return !(before == now);
}

}  // namespace

QuotaShareAnswer SplitQuotas(const QuotaShareInput& input) {
  const Split::Members members(input.members.begin(), input.members.end());
  MOA_CHECK(members.contains(input.me));
  absl::btree_map<QuotaKey, Split::Rows> rows;
  for (const QuotaShareRow& row : input.rows) {
    if (members.contains(row.member)) rows[row.of].emplace(row.member, &row);
  }
  absl::btree_map<QuotaKey, QuotaNeed> needs;
  for (const auto& [of, of_members] : rows) needs[of].of = of;  // known to others only
  for (const QuotaNeed& need : input.needs) needs[need.of] = need;
  QuotaShareAnswer answer;
  for (const auto& [of, need] : needs) Split(input, members, need, rows[of]).Answer(answer);
  return answer;
}

QuotaShareChange ChangeOf(const QuotaShareInput& input, const QuotaShareAnswer& answer) {
  absl::btree_map<QuotaKey, const QuotaShareRow*> before;
  for (const QuotaShareRow& row : input.rows) {
    if (row.member == input.me) before.emplace(row.of, &row);
  }
  QuotaShareChange change;
  for (const QuotaShareRow& row : answer.publish) {
    const auto it = before.find(row.of);
    if (it == before.end() || IsWorthPublishing(*it->second, row)) change.set.push_back(row);
    if (it != before.end()) before.erase(it);
  }
  for (const auto& [of, row] : before) change.gone.push_back(of);
  change.needed = !change.set.empty() || !change.gone.empty() || !answer.use_after.empty();
  return change;
}

}  // namespace moa
