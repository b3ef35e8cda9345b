#include "coordinator/replicas/member_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moa {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kLease = absl::Seconds(10);
const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

absl::Time At(double seconds) { return kStart + absl::Seconds(seconds); }
MemberSeen Me(uint64_t renewals = 0) { return {.epoch = 9, .place = "here", .renewals = renewals}; }
MemberSeen Other(uint64_t renewals) { return {.epoch = 5, .place = "there", .renewals = renewals}; }

// Looks every two seconds up to `until`, inclusive.
std::vector<uint64_t> Look(MemberWatch& watch, const MemberSeen& other, double from, double until) {
  std::vector<uint64_t> dead;
  for (double at = from; at <= until; at += 2) dead = watch.Observe({other, Me()}, 9, At(at));
  return dead;
}

TEST(MemberWatchTest, WhoRenewsLives) {
  MemberWatch watch(kLease, kLease / 2);
  for (uint64_t i = 0; i < 100; ++i) {
    EXPECT_THAT(watch.Observe({Other(i), Me()}, 9, At(2.0 * static_cast<double>(i))), IsEmpty());
  }
}

TEST(MemberWatchTest, WhoHasNotRenewedForALeaseAndAMomentIsDead) {
  MemberWatch watch(kLease, kLease / 2);
  EXPECT_THAT(Look(watch, Other(1), 0, 10), IsEmpty());
  EXPECT_THAT(watch.Observe({Other(1), Me()}, 9, At(10.4)), IsEmpty()) << "its clock may be slower";
  EXPECT_THAT(watch.Observe({Other(1), Me()}, 9, At(10.6)), ElementsAre(5u));
}

TEST(MemberWatchTest, ALateRenewalCountsFromWhenItWasSeen) {
  MemberWatch watch(kLease, kLease / 2);
  Look(watch, Other(1), 0, 8);
  EXPECT_THAT(Look(watch, Other(2), 10, 20), IsEmpty());
  EXPECT_THAT(watch.Observe({Other(2), Me()}, 9, At(20.6)), ElementsAre(5u));
}

// The store was away: nobody could renew, so nobody is dead for it.
TEST(MemberWatchTest, AfterAGapInLookingEverythingCountsAnew) {
  MemberWatch watch(kLease, kLease / 2);
  Look(watch, Other(1), 0, 8);
  EXPECT_THAT(Look(watch, Other(1), 60, 70), IsEmpty());
  EXPECT_THAT(watch.Observe({Other(1), Me()}, 9, At(70.6)), ElementsAre(5u));
}

TEST(MemberWatchTest, APredecessorAtTheSamePlaceIsDeadAtOnceAndASuccessorIsNot) {
  MemberWatch watch(kLease, kLease / 2);
  const MemberSeen before{.epoch = 4, .place = "here", .renewals = 7};
  const MemberSeen after{.epoch = 12, .place = "here", .renewals = 1};
  EXPECT_THAT(watch.Observe({before, Me(), after}, 9, At(0)), ElementsAre(4u));
}

TEST(MemberWatchTest, APlaceThatIsNotKnownYetIsNobodys) {
  MemberWatch watch(kLease, kLease / 2);
  EXPECT_THAT(watch.Observe({{.epoch = 4, .place = ""}, {.epoch = 9, .place = ""}}, 9, At(0)),
              IsEmpty());
}

}  // namespace
}  // namespace moa
