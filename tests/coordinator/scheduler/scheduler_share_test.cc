// The scheduler where replicas share quotas: what a share lets it place, and what it says that it needs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "coordinator/scheduler/scheduler.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kShareStart = absl::FromUnixSeconds(1'700'000'000);
const QuotaKey kOf{.key = "k", .model = "m"};

AttemptRef RefOf(const std::string& job) {
  return {.job = JobId(job), .task = 0, .attempt = 1, .epoch = 1};
}

SchedulerOptions Options(uint64_t tokens_a_minute, uint32_t concurrent_max = 0) {
  SchedulerOptions options;
  QuotaRule rule{.concurrent_max = concurrent_max};
  if (tokens_a_minute > 0) rule.limits.tokens[0] = tokens_a_minute;
  options.quotas.push_back(rule);
  options.hedging = false;
  return options;
}

class SchedulerShareTest : public testing::Test {
 protected:
  ~SchedulerShareTest() override { scheduler_->CheckInvariants(); }

  void Use(const SchedulerOptions& options) {
    scheduler_ = std::make_unique<Scheduler>(options);
    scheduler_->SetWorker(WorkerId("w"), {.slots = 100, .key = "k"});
  }
  void Enqueue(const std::string& job, uint64_t tokens, AttemptKind kind = AttemptKind::kFirst) {
    ReadyAttempt attempt{.ref = RefOf(job), .tenant = Tenant("t"), .model = "m", .kind = kind};
    attempt.accepted_at = attempt.enqueued_at = kShareStart;
    attempt.completion_tokens = tokens;
    scheduler_->Enqueue(attempt);
  }
  std::vector<std::string> Assign(absl::Time now = kShareStart) {
    std::vector<std::string> placed;
    for (const Assignment& one : scheduler_->Assign(now)) placed.push_back(one.ref.job.value());
    return placed;
  }
  void Finish(const std::string& job, uint64_t used, const RateLimits& headers = {}) {
    scheduler_->Finish(RefOf(job), {.used = {.uncached = used, .total = used}, .headers = headers},
                       absl::ZeroDuration(), 0, kShareStart);
  }
  QuotaNeed Need(absl::Time now = kShareStart) const {
    const std::vector<QuotaNeed> needs = scheduler_->QuotaNeeds(now);
    return needs.empty() ? QuotaNeed() : needs[0];
  }

  std::unique_ptr<Scheduler> scheduler_ = std::make_unique<Scheduler>();
};

TEST_F(SchedulerShareTest, PlacesWhatFitsTheShareAndTellsWhenTheNextDoes) {
  Use(Options(6000));
  scheduler_->SetShare(kOf, 500'000, kShareStart);
  const absl::Time later = kShareStart + absl::Minutes(1);
  for (const char* job : {"a", "b", "c"}) Enqueue(job, 1400);
  EXPECT_THAT(Assign(later), ElementsAre("a", "b"));
  const absl::Time next = scheduler_->NextWakeUp();
  EXPECT_GT(next, later + absl::Seconds(24)) << "1,200 tokens at 50 a second";
  EXPECT_LT(next, later + absl::Seconds(25));
  EXPECT_THAT(Assign(next), ElementsAre("c"));
}

TEST_F(SchedulerShareTest, AShareOfNothingSendsNothingUntilItGrows) {
  SchedulerOptions options = Options(6000);
  options.share_ppm_initial = 0;
  Use(options);
  Enqueue("a", 100);
  EXPECT_THAT(Assign(), IsEmpty());
  EXPECT_EQ(scheduler_->NextWakeUp(), absl::InfiniteFuture());
  scheduler_->SetShare(kOf, 100'000, kShareStart);
  EXPECT_THAT(Assign(), IsEmpty()) << "it starts empty";
  const absl::Time next = scheduler_->NextWakeUp();
  EXPECT_LT(next, kShareStart + absl::Seconds(11));
  EXPECT_THAT(Assign(next), ElementsAre("a"));
}

// There is nothing to share yet; a reply that tells the limit makes the share count at once.
TEST_F(SchedulerShareTest, AShareCountsFromWhenALimitIsKnown) {
  SchedulerOptions options = Options(0);
  options.share_ppm_initial = 100'000;
  Use(options);
  Enqueue("a", 900);
  EXPECT_THAT(Assign(), ElementsAre("a"));
  RateLimits headers;
  headers.tokens[0] = {.limit = 1000, .remaining = 1000};
  Finish("a", 900, headers);
  Enqueue("b", 900);
  Enqueue("c", 50);
  EXPECT_THAT(Assign(kShareStart + absl::Hours(1)), IsEmpty()) << "b has its turn";
  EXPECT_EQ(scheduler_->LimitBelow("m", 900), 0u) << "it fits the whole";
  EXPECT_EQ(scheduler_->LimitBelow("m", 1001), 1000u);
  scheduler_->Remove(RefOf("b"));
  EXPECT_THAT(Assign(kShareStart + absl::Hours(1)), ElementsAre("c"));
}

TEST_F(SchedulerShareTest, LimitsLearnedFromAnotherCountWhereNoneIsKnown) {
  Use(Options(0));
  scheduler_->SetShare(kOf, 500'000, kShareStart);
  QuotaLimits limits;
  limits.tokens[0] = 6000;
  scheduler_->LearnLimits(kOf, limits, kShareStart);
  Enqueue("a", 1000);
  EXPECT_THAT(Assign(), IsEmpty());
  EXPECT_LT(scheduler_->NextWakeUp(), kShareStart + absl::Seconds(21));
  EXPECT_EQ(Need().limits.tokens[0], 6000u);
}

TEST_F(SchedulerShareTest, CallsAtOnceAreSharedToo) {
  Use(Options(0, /*concurrent_max=*/5));
  scheduler_->SetShare(kOf, 500'000, kShareStart);
  for (const char* job : {"a", "b", "c"}) Enqueue(job, 100);
  EXPECT_THAT(Assign(), SizeIs(2));
  EXPECT_EQ(Need().least_ppm, 200'000u);
  EXPECT_EQ(Need().need_ppm, 600'000u) << "three of five";
  scheduler_->SetShare(kOf, 100'000, kShareStart);
  EXPECT_TRUE(Need().wants_whole);
  EXPECT_THAT(Assign(), IsEmpty());
}

TEST_F(SchedulerShareTest, NeedsWhatIsUnderWayAndWhatWaits) {
  Use(Options(10'000));
  EXPECT_THAT(scheduler_->QuotaNeeds(kShareStart), IsEmpty()) << "no quota is known";
  Enqueue("a", 1000);
  ASSERT_THAT(Assign(), SizeIs(1));
  EXPECT_EQ(Need().need_ppm, 100'000u);
  EXPECT_FALSE(Need().waits);
  Enqueue("b", 2000);
  Enqueue("hedge", 5000, AttemptKind::kHedge);
  const QuotaNeed need = Need();
  EXPECT_EQ(need.of, kOf);
  EXPECT_EQ(need.need_ppm, 300'000u);
  EXPECT_TRUE(need.waits);
  EXPECT_EQ(need.largest_tokens, 2000u);
  EXPECT_EQ(need.least_ppm, 200'000u);
  EXPECT_FALSE(need.wants_whole);
  Enqueue("c", 20'000);
  EXPECT_EQ(Need().need_ppm, kQuotaWhole);
  scheduler_->Remove(RefOf("c"));
  scheduler_->Remove(RefOf("b"));
  EXPECT_EQ(Need().need_ppm, 100'000u);
}

// 1,000 tokens in half a minute are 2,000 a minute.
TEST_F(SchedulerShareTest, NeedsWhatWasUsedLately) {
  Use(Options(10'000));
  Enqueue("a", 1500);
  ASSERT_THAT(Assign(), SizeIs(1));
  Finish("a", 1000);
  EXPECT_EQ(Need().need_ppm, 200'000u);
  EXPECT_NEAR(Need(kShareStart + absl::Seconds(30)).need_ppm, 73'576, 2);
  EXPECT_LE(Need(kShareStart + absl::Minutes(20)).need_ppm, 1u);
}

TEST_F(SchedulerShareTest, SaysWhatWouldHoldACallThatItsShareDoesNot) {
  Use(Options(10'000));
  scheduler_->SetShare(kOf, 500'000, kShareStart);
  Enqueue("a", 6000);
  const absl::Time later = kShareStart + absl::Minutes(1);
  EXPECT_THAT(Assign(later), IsEmpty());
  const QuotaNeed need = Need(later);
  EXPECT_TRUE(need.wants_whole);
  EXPECT_EQ(need.share_ppm, 500'000u);
  EXPECT_EQ(need.least_ppm, 600'000u);
  EXPECT_GT(need.whole_for, absl::Seconds(6)) << "1,000 tokens at 167 a second";
  EXPECT_LT(need.whole_for, absl::Seconds(7));
  scheduler_->SetShare(kOf, kQuotaWhole, later);
  EXPECT_FALSE(Need(later).wants_whole);
  EXPECT_THAT(Assign(later + need.whole_for), ElementsAre("a"));
}

// There is no other replica: a configured quota counts as untouched, and the first call goes out at once.
TEST_F(SchedulerShareTest, AReplicaAloneStartsWithAFullQuotaAndOneAmongOthersWithAnEmptyOne) {
  for (const bool alone : {true, false}) {
    SchedulerOptions options = Options(6000);
    options.share_ppm_initial = 0;
    Use(options);
    Enqueue("a", 1400);
    EXPECT_FALSE(scheduler_->TakeShareWanted());
    EXPECT_THAT(Assign(), IsEmpty());
    EXPECT_TRUE(scheduler_->TakeShareWanted()) << "a call waits and nothing may be used";
    EXPECT_FALSE(scheduler_->TakeShareWanted()) << "told once";
    scheduler_->SetShare(kOf, kQuotaWhole, kShareStart, alone);
    EXPECT_THAT(Assign(), SizeIs(alone ? 1 : 0));
    scheduler_->CheckInvariants();
  }
}

}  // namespace
}  // namespace moa
