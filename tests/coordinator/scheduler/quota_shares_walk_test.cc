// Random walks of replicas that share two quotas: they call in any order, their needs change, answers are applied
// late or never, commits come late or nobody hears of them, members die and join. At every instant what is in use sums
// to the whole at most. When nothing changes any more the shares become the fair ones, or each has its turn.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/base/fair_split.h"
#include "coordinator/scheduler/quota_shares.h"

namespace moa {
namespace {

const QuotaKey kQuotas[] = {{.key = "k", .model = "a"}, {.key = "k", .model = "b"}};

class Walk {
 public:
  explicit Walk(uint64_t seed) : random_(seed) {
    for (int i = 0; i < 3; ++i) Join();
  }

  void Step() {
    now_ += absl::Milliseconds(Below(400));
    switch (Below(13)) {
      case 0:
        if (members_.size() < 6) Join();
        break;
      case 1:
        if (members_.size() > 1 && Below(3) == 0) Any().crashed = true;
        break;
      case 2:
        DeclareDead();
        break;
      case 3:
      case 4:
        ChangeNeed(Any());
        break;
      case 5:
        Apply(Any());
        break;
      case 6:
        CommitLateOne();
        break;
      default:
        Call(Any());
    }
    Check();
  }

  // Everything stands still but the calls, which all succeed.
  void Calm(bool large_calls) {
    for (auto it = members_.begin(); it != members_.end();) {
      it = it->second.crashed && members_.size() > 1 ? Bury(it) : std::next(it);
    }
    for (auto& [epoch, member] : members_) {
      member.crashed = false;
      for (auto& [of, need] : member.needs) {
        need.waits = large_calls;
        need.least_ppm = large_calls ? 1 + Below(kQuotaWhole) : 0;
        need.need_ppm = large_calls ? kQuotaWhole : Below(kQuotaWhole);
        need.whole_for = absl::Milliseconds(Below(9000));
      }
    }
  }
  void Round() {
    now_ += absl::Milliseconds(500);
    std::vector<uint64_t> order;
    for (const auto& [epoch, member] : members_) order.push_back(epoch);
    std::shuffle(order.begin(), order.end(), random_);
    for (const uint64_t epoch : order) {
      Member& member = members_.at(epoch);
      Call(member, /*surely=*/true);
      Apply(member);
      Check();
    }
  }
  void ExpectFair() const {
    for (const QuotaKey& of : kQuotas) {
      std::vector<uint64_t> needs;
      std::vector<uint64_t> in_use;
      for (const auto& [epoch, member] : members_) {
        needs.push_back(std::max(kQuotaToehold, member.needs.at(of).need_ppm));
        in_use.push_back(member.needs.at(of).share_ppm);
      }
      ASSERT_EQ(in_use, FairSplit(kQuotaWhole, needs));
    }
  }
  // Those that have had what their calls need since the walk calmed down.
  void NoteServed() {
    for (const auto& [epoch, member] : members_) {
      for (const auto& [of, need] : member.needs) {
        if (need.share_ppm >= need.least_ppm) served_.emplace(epoch, of);
      }
    }
  }
  void ExpectAllServed() const { ASSERT_EQ(served_.size(), members_.size() * std::size(kQuotas)); }

 private:
  struct Member {
    uint64_t epoch = 0;
    bool crashed = false;
    std::map<QuotaKey, QuotaNeed> needs;  // and what is in use
    std::optional<QuotaShareAnswer> pending;
    bool told = false;  // that the pending one is committed
  };
  using Members = std::map<uint64_t, Member>;
  struct Write {
    uint64_t version = 0;  // of what was read
    uint64_t member = 0;
    QuotaShareChange change;
  };

  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  Member& Any() {
    return std::next(members_.begin(), Below(static_cast<uint32_t>(members_.size())))->second;
  }

  void Join() {
    Member& member = members_[++last_epoch_];
    member.epoch = last_epoch_;
    ++version_;
    for (const QuotaKey& of : kQuotas) member.needs[of].of = of;
  }
  void ChangeNeed(Member& member) {
    QuotaNeed& need = member.needs.at(kQuotas[Below(2)]);
    need.need_ppm = Below(3) == 0 ? 0 : Below(kQuotaWhole + 1);
    need.waits = Below(2) == 0;
    need.least_ppm = Below(kQuotaWhole);
    need.whole_for = absl::Milliseconds(Below(9000));
  }
  Members::iterator Bury(Members::iterator it) {
    ++version_;
    if (Below(2) == 0) rows_.erase(it->first);  // else they are deleted later: they do not count
    return members_.erase(it);
  }
  void DeclareDead() {
    for (auto it = members_.begin(); it != members_.end(); ++it) {
      if (!it->second.crashed || members_.size() == 1) continue;
      Bury(it);
      return;
    }
  }

  void Call(Member& member, bool surely = false) {
    if (member.crashed) return;
    Apply(member);  // one call after another
    QuotaShareInput input{.me = member.epoch, .now = now_};
    for (const auto& [epoch, other] : members_) input.members.push_back(epoch);
    for (const auto& [epoch, rows] : rows_) {
      for (const auto& [of, row] : rows) input.rows.push_back(row);
    }
    for (const auto& [of, need] : member.needs) {
      // Who has never used a quota does not know of it.
      if (need.need_ppm > 0 || need.share_ppm > 0) input.needs.push_back(need);
    }
    member.pending = SplitQuotas(input);
    QuotaShareChange change = ChangeOf(input, *member.pending);
    if (surely) change = {.set = member.pending->publish, .needed = true};  // to the last digit
    member.told = true;
    if (!change.needed) return;
    const Write write{.version = version_, .member = member.epoch, .change = change};
    if (!surely && Below(8) == 0) {
      late_.push_back(write);
      member.told = false;
    } else {
      Commit(write);
      member.told = surely || Below(6) != 0;
    }
  }
  void Commit(const Write& write) {
    if (write.version != version_) return;
    ++version_;
    auto& rows = rows_[write.member];
    for (const QuotaKey& of : write.change.gone) rows.erase(of);
    for (const QuotaShareRow& row : write.change.set) rows[row.of] = row;
  }
  void CommitLateOne() {
    if (late_.empty()) return;
    std::swap(late_[Below(static_cast<uint32_t>(late_.size()))], late_.back());
    Commit(late_.back());
    late_.pop_back();
  }
  void Apply(Member& member) {
    if (!member.pending || member.crashed) return;
    Use(member, member.pending->use_now);
    if (member.told) Use(member, member.pending->use_after);
    member.pending.reset();
  }
  static void Use(Member& member, const QuotaShareAnswer::Shares& shares) {
    for (const auto& [of, share] : shares) member.needs.at(of).share_ppm = share;
  }

  void Check() const {
    for (const QuotaKey& of : kQuotas) {
      uint64_t in_use = 0;
      uint64_t published = 0;
      for (const auto& [epoch, member] : members_) {
        const uint32_t mine = member.needs.at(of).share_ppm;
        in_use += mine;
        published += Published(epoch, of);
        ASSERT_LE(mine, Published(epoch, of)) << "more than it said";
      }
      ASSERT_LE(in_use, kQuotaWhole);
      ASSERT_LE(published, kQuotaWhole);
    }
  }
  uint32_t Published(uint64_t epoch, const QuotaKey& of) const {
    const auto rows = rows_.find(epoch);
    if (rows == rows_.end()) return 0;
    const auto row = rows->second.find(of);
    return row == rows->second.end() ? 0 : row->second.share_ppm;
  }

  std::mt19937_64 random_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  uint64_t last_epoch_ = 0;
  Members members_;
  uint64_t version_ = 0;
  std::map<uint64_t, std::map<QuotaKey, QuotaShareRow>> rows_;  // as committed
  std::vector<Write> late_;                                     // on their way
  std::set<std::pair<uint64_t, QuotaKey>> served_;
};

TEST(QuotaSharesWalkTest, WhatIsInUseIsNeverMoreThanTheWhole) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Walk walk(seed);
    for (int step = 0; step < 400; ++step) {
      walk.Step();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(QuotaSharesWalkTest, SharesAreTheFairOnesSoonAfterNeedsStandStill) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Walk walk(seed);
    for (int step = 0; step < 100; ++step) walk.Step();
    walk.Calm(/*large_calls=*/false);
    for (int round = 0; round < 4; ++round) walk.Round();
    walk.ExpectFair();
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(QuotaSharesWalkTest, EachIsServedWhereCallsNeedMoreThanAFairShare) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Walk walk(seed);
    for (int step = 0; step < 100; ++step) walk.Step();
    walk.Calm(/*large_calls=*/true);
    // Six members at most, ten seconds and what passing on takes for each.
    for (int round = 0; round < 6 * 26; ++round) {
      walk.Round();
      walk.NoteServed();
    }
    walk.ExpectAllServed();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace moa
