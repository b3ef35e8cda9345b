#include "coordinator/scheduler/quota_shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "common/base/fair_split.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

const QuotaKey kOf{.key = "k", .model = "m"};
const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

// Members that call SplitQuotas, each with a need for the one quota; all commits succeed.
class QuotaSharesTest : public testing::Test {
 protected:
  QuotaShareAnswer Call(uint64_t me) {
    std::vector<QuotaNeed> needs;
    if (needs_.contains(me)) {
      needs_[me].of = kOf;
      needs_[me].share_ppm = in_use_[me];
      needs.push_back(needs_[me]);
    }
    const QuotaShareAnswer answer =
        SplitQuotas({.me = me, .members = members_, .rows = Rows(), .needs = needs, .now = now_});
    rows_[me] = answer.publish;
    for (const auto& [of, share] : answer.use_now) in_use_[me] = share;
    for (const auto& [of, share] : answer.use_after) in_use_[me] = share;
    return answer;
  }
  std::vector<QuotaShareRow> Rows() const {
    std::vector<QuotaShareRow> all;
    for (const auto& [member, rows] : rows_) all.insert(all.end(), rows.begin(), rows.end());
    return all;
  }
  // Everybody calls once, half a second later.
  void Round() {
    now_ += absl::Milliseconds(500);
    for (const uint64_t member : members_) Call(member);
  }
  void RoundsUntilHasAll(uint64_t member) {
    for (int i = 0; i < 100 && in_use_[member] != kQuotaWhole; ++i) Round();
    ASSERT_EQ(in_use_[member], kQuotaWhole);
  }
  void Need(uint64_t member, uint32_t need_ppm) { needs_[member].need_ppm = need_ppm; }
  // A call waits that only so large a share holds.
  void Wait(uint64_t member, uint32_t least_ppm, absl::Duration whole_for = absl::ZeroDuration()) {
    needs_[member].waits = true;
    needs_[member].least_ppm = least_ppm;
    needs_[member].need_ppm = std::max(needs_[member].need_ppm, least_ppm);
    needs_[member].whole_for = whole_for;
  }

  std::vector<uint64_t> members_;
  std::map<uint64_t, QuotaNeed> needs_;
  std::map<uint64_t, std::vector<QuotaShareRow>> rows_;
  std::map<uint64_t, uint32_t> in_use_;
  absl::Time now_ = kStart;
};

TEST_F(QuotaSharesTest, AMemberAloneHasTheWhole) {
  members_ = {7};
  Need(7, 0);
  const QuotaShareAnswer answer = Call(7);
  EXPECT_THAT(answer.use_after, ElementsAre(Pair(kOf, kQuotaWhole)));
  EXPECT_THAT(answer.use_now, IsEmpty());
  ASSERT_THAT(answer.publish, SizeIs(1));
  EXPECT_EQ(answer.publish[0].share_ppm, kQuotaWhole);
}

// It lowers its own first, says so when it calls again, and only then may another have it.
TEST_F(QuotaSharesTest, AShareIsGivenUpBeforeItIsPublishedAndTakenAfterwards) {
  members_ = {1};
  Need(1, kQuotaWhole);
  Call(1);
  members_ = {1, 2};
  Need(2, 300'000);
  EXPECT_THAT(Call(2).use_after, IsEmpty());
  const QuotaShareAnswer lowers = Call(1);
  EXPECT_THAT(lowers.use_now, ElementsAre(Pair(kOf, 700'000)));
  EXPECT_EQ(lowers.publish[0].share_ppm, kQuotaWhole);
  EXPECT_THAT(Call(2).use_after, IsEmpty());
  EXPECT_EQ(Call(1).publish[0].share_ppm, 700'000u);
  EXPECT_THAT(Call(2).use_after, ElementsAre(Pair(kOf, 300'000)));
}

// It has never used the quota: some of it is its own all the same, and is left free before it comes for it.
TEST_F(QuotaSharesTest, AMemberWithoutANeedHasAToehold) {
  members_ = {1, 2};
  Need(1, kQuotaWhole);
  Call(1);
  EXPECT_EQ(in_use_[1], kQuotaWhole - kQuotaToehold);
  EXPECT_THAT(Call(2).use_after, ElementsAre(Pair(kOf, kQuotaToehold)));
}

TEST_F(QuotaSharesTest, WhatADeadMemberHadIsFreeOnceItIsDeclaredDead) {
  members_ = {1, 2};
  Need(1, kQuotaWhole);
  Need(2, kQuotaWhole);
  for (int i = 0; i < 4; ++i) Round();
  EXPECT_EQ(in_use_[2], 500'000u);
  EXPECT_THAT(Call(2).use_after, IsEmpty()) << "the other may still be using its own";
  members_ = {2};
  EXPECT_THAT(Call(2).use_after, ElementsAre(Pair(kOf, kQuotaWhole)));
}

TEST_F(QuotaSharesTest, LimitsThatAnotherKnowsAreLearned) {
  members_ = {1, 2};
  Need(1, 10);
  needs_[1].limits.tokens[0] = 1000;
  EXPECT_THAT(Call(1).learned, IsEmpty());
  const QuotaShareAnswer answer = Call(2);
  ASSERT_THAT(answer.learned, SizeIs(1));
  EXPECT_EQ(answer.learned[0].second, needs_[1].limits);
  Need(2, 10);
  needs_[2].limits.tokens[0] = 2000;
  EXPECT_THAT(Call(2).learned, IsEmpty());
}

TEST_F(QuotaSharesTest, OneThatNeedsMoreThanAnEvenPartGetsItWhereOthersNeedLess) {
  members_ = {1, 2};
  Wait(1, 600'000);
  Need(2, 100'000);
  for (int i = 0; i < 4; ++i) Round();
  EXPECT_EQ(in_use_[1], 750'000u);
  EXPECT_FALSE(rows_[1][0].wants_whole);
}

TEST_F(QuotaSharesTest, TheWholeGoesAroundWhereALargestCallFitsNoFairShare) {
  members_ = {1, 2, 3};
  for (const uint64_t member : members_) Wait(member, 600'000);
  std::map<uint64_t, int> rounds_with_all;
  std::vector<uint64_t> order;
  for (int round = 0; round < 120; ++round) {
    Round();
    for (const uint64_t member : members_) {
      if (in_use_[member] != kQuotaWhole) continue;
      ++rounds_with_all[member];
      if (order.empty() || order.back() != member) order.push_back(member);
    }
  }
  for (const uint64_t member : members_) EXPECT_GE(rounds_with_all[member], 20) << member;
  ASSERT_GE(order.size(), 9u);
  for (size_t i = 3; i < order.size(); ++i)
    EXPECT_EQ(order[i], order[i - 3]) << "one after another";
}

TEST_F(QuotaSharesTest, AHolderKeepsTheWholeForAsLongAsItsCallNeeds) {
  members_ = {1, 2};
  Wait(1, 600'000, absl::Seconds(36));
  Wait(2, 600'000, absl::Seconds(36));
  RoundsUntilHasAll(1);
  const absl::Time since = now_;
  for (int i = 0; i < 200 && in_use_[1] == kQuotaWhole; ++i) Round();
  EXPECT_GE(now_ - since, absl::Seconds(37));
  EXPECT_LE(now_ - since, absl::Seconds(39));
}

// What it waited with is sent, or it has learned that there is more than it thought.
TEST_F(QuotaSharesTest, AHolderPassesTheWholeOnWhenItNeedsItNoMore) {
  members_ = {1, 2};
  Wait(1, 600'000, absl::Seconds(36));
  Wait(2, 600'000, absl::Seconds(36));
  RoundsUntilHasAll(1);
  needs_[1] = {};
  Need(2, kQuotaWhole);
  for (int i = 0; i < 3; ++i) Round();
  EXPECT_EQ(in_use_[2], kQuotaWhole - kQuotaToehold);
}

TEST_F(QuotaSharesTest, TheTurnOfAHolderThatDiedPassesOn) {
  members_ = {1, 2, 3};
  for (const uint64_t member : members_) Wait(member, 600'000);
  RoundsUntilHasAll(1);
  members_ = {2, 3};
  for (int i = 0; i < 3; ++i) Round();
  EXPECT_EQ(in_use_[2], kQuotaWhole);
}

// A member with small calls waits for its turn too, and gets it.
TEST_F(QuotaSharesTest, SmallNeedsAreNotStarvedByLargeOnes) {
  members_ = {1, 2, 3};
  Wait(1, 900'000);
  Wait(2, 900'000);
  Wait(3, 10'000);
  int turns = 0;
  for (int round = 0; round < 60; ++round) {
    Round();
    if (in_use_[3] == kQuotaWhole) ++turns;
  }
  EXPECT_GE(turns, 8);
}

TEST_F(QuotaSharesTest, SharesAreFairAgainWhenNobodyWantsTheWhole) {
  members_ = {1, 2};
  Wait(1, 600'000);
  Wait(2, 600'000);
  for (int i = 0; i < 20; ++i) Round();
  for (const uint64_t member : members_) {
    needs_[member] = {};
    Need(member, kQuotaWhole);
  }
  for (int i = 0; i < 3; ++i) Round();
  EXPECT_EQ(in_use_[1], 500'000u);
  EXPECT_EQ(in_use_[2], 500'000u);
}

// Its row stays what it was: a need that grows a little, then clearly, and a quota that is nobody's any more.
TEST(QuotaShareChangeTest, OnlyWhatHasClearlyChangedIsWritten) {
  const QuotaShareRow before{.member = 1, .of = kOf, .share_ppm = 300'000, .need_ppm = 300'000};
  const QuotaShareInput input{.me = 1, .members = {1}, .rows = {before}};
  QuotaShareRow now = before;
  now.need_ppm = 320'000;
  EXPECT_FALSE(ChangeOf(input, {.publish = {now}}).needed);
  now.need_ppm = 400'000;
  EXPECT_THAT(ChangeOf(input, {.publish = {now}}).set, ElementsAre(now));
  now = before;
  now.share_ppm = 300'001;
  EXPECT_THAT(ChangeOf(input, {.publish = {now}}).set, ElementsAre(now));
  const QuotaShareChange none = ChangeOf(input, {});
  EXPECT_THAT(none.gone, ElementsAre(kOf));
  EXPECT_TRUE(none.needed);
}

// It gave some of its share up and was not heard to have published that, and now needs all of it again: its row says so
// already, but what it wrote may be on its way still.
TEST(QuotaShareChangeTest, AShareGrowsOnlyWithACommitAlsoWhereItsRowSaysItAlready) {
  const QuotaNeed need{.of = kOf, .share_ppm = 500'000, .need_ppm = kQuotaWhole};
  const QuotaShareRow row{
      .member = 1, .of = kOf, .share_ppm = kQuotaWhole, .need_ppm = kQuotaWhole};
  const QuotaShareInput input{.me = 1, .members = {1}, .rows = {row}, .needs = {need}};
  const QuotaShareAnswer answer = SplitQuotas(input);
  EXPECT_THAT(answer.use_after, ElementsAre(Pair(kOf, kQuotaWhole)));
  const QuotaShareChange change = ChangeOf(input, answer);
  EXPECT_THAT(change.set, IsEmpty());
  EXPECT_TRUE(change.needed);
}

}  // namespace
}  // namespace moa
