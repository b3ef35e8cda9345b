// The scheduler under quotas: what is placed, what waits, and for how long.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/scheduler/scheduler.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kQuotaStart = absl::FromUnixSeconds(1'700'000'000);

AttemptRef CallRef(const std::string& job, uint32_t task = 0) {
  return {.job = JobId(job), .task = task, .attempt = 1, .epoch = 1};
}

ReadyAttempt Call(const std::string& job, uint64_t tokens, const std::string& tenant = "t",
                  const std::string& model = "m") {
  ReadyAttempt attempt;
  attempt.ref = CallRef(job);
  attempt.tenant = Tenant(tenant);
  attempt.model = model;
  attempt.stages_left = 1;
  attempt.accepted_at = kQuotaStart;
  attempt.enqueued_at = kQuotaStart;
  attempt.prompt_tokens = tokens / 2;
  attempt.completion_tokens = tokens - tokens / 2;
  return attempt;
}

SchedulerOptions Limited(uint64_t tokens_per_minute, const std::string& key = "*") {
  SchedulerOptions options;
  QuotaRule rule;
  rule.key = key;
  rule.limits.tokens[0] = tokens_per_minute;
  options.quotas.push_back(rule);
  return options;
}

class SchedulerQuotaTest : public testing::Test {
 protected:
  ~SchedulerQuotaTest() override { scheduler_->CheckInvariants(); }

  void Use(SchedulerOptions options) {
    scheduler_ = std::make_unique<Scheduler>(std::move(options));
  }
  void SetWorker(const std::string& id, const std::string& key, uint32_t slots = 100) {
    WorkerCapacity capacity;
    capacity.slots = slots;
    capacity.key = key;
    scheduler_->SetWorker(WorkerId(id), capacity);
  }
  std::vector<std::string> Assign(absl::Time now = kQuotaStart) {
    std::vector<std::string> placed;
    for (const Assignment& one : scheduler_->Assign(now)) {
      placed.push_back(absl::StrCat(one.ref.job.value(), "@", one.worker.value()));
    }
    scheduler_->CheckInvariants();
    return placed;
  }
  void Succeed(const std::string& job, uint64_t tokens,
               absl::Duration run = absl::Milliseconds(130), absl::Time now = kQuotaStart) {
    ASSERT_TRUE(scheduler_->Finish(CallRef(job), {.used = {.uncached = tokens, .total = tokens}},
                                   run, 100, now));
  }

  std::unique_ptr<Scheduler> scheduler_ = std::make_unique<Scheduler>();
};

TEST_F(SchedulerQuotaTest, PlacesWhatFitsAndTellsWhenTheNextDoes) {
  Use(Limited(6000));
  SetWorker("w", "k");
  for (const char* job : {"a", "b", "c"}) scheduler_->Enqueue(Call(job, 2500));
  EXPECT_THAT(Assign(), ElementsAre("a@w", "b@w"));
  const absl::Time next = scheduler_->NextWakeUp();
  EXPECT_GT(next, kQuotaStart + absl::Seconds(15));
  EXPECT_LT(next, kQuotaStart + absl::Seconds(16));
  EXPECT_THAT(Assign(next), ElementsAre("c@w"));
}

// Nothing is known of the quota yet: a few calls ask, the others wait for what they hear.
TEST_F(SchedulerQuotaTest, ABurstDoesNotGoIntoTheUnknown) {
  SetWorker("w", "k");
  for (int i = 0; i < 60; ++i) scheduler_->Enqueue(Call(absl::StrCat("j", 100 + i), 100));
  EXPECT_THAT(Assign(), SizeIs(8));
  // Who gives no answer for a while holds up nobody for long.
  const absl::Time next = scheduler_->NextWakeUp();
  EXPECT_EQ(next, kQuotaStart + absl::Milliseconds(50));
  EXPECT_THAT(Assign(next), SizeIs(8));
  Succeed("j100", 50);
  EXPECT_THAT(Assign(next), SizeIs(44));
}

TEST_F(SchedulerQuotaTest, WhatACallDidNotUseIsThereForTheNext) {
  Use(Limited(6000));
  SetWorker("w", "k");
  for (const char* job : {"a", "b", "c"}) scheduler_->Enqueue(Call(job, 2500));
  Assign();
  Succeed("a", 500);
  EXPECT_THAT(Assign(), ElementsAre("c@w"));
}

TEST_F(SchedulerQuotaTest, ALargeCallIsNotOvertakenBySmallOnes) {
  Use(Limited(6000));
  SetWorker("w", "k");
  scheduler_->Enqueue(Call("a", 4000, "x"));
  ASSERT_THAT(Assign(), SizeIs(1));
  Succeed("a", 4000);
  scheduler_->Enqueue(Call("big", 5000, "x"));
  scheduler_->Enqueue(Call("small", 100, "y"));
  // Both tenants run nothing: it is the first one's turn, whose call does not fit.
  EXPECT_THAT(Assign(), IsEmpty());
  EXPECT_THAT(Assign(scheduler_->NextWakeUp() - absl::Seconds(1)), IsEmpty());
  EXPECT_THAT(Assign(scheduler_->NextWakeUp()), ElementsAre("big@w"));
  EXPECT_THAT(Assign(scheduler_->NextWakeUp()), ElementsAre("small@w"));
}

TEST_F(SchedulerQuotaTest, WorkGoesWhereQuotaIs) {
  Use(Limited(1000, "poor"));
  SetWorker("p", "poor");
  SetWorker("r", "rich", 50);
  for (const char* job : {"a", "b", "c", "d"}) scheduler_->Enqueue(Call(job, 900));
  EXPECT_THAT(Assign(), ElementsAre("a@p", "b@r", "c@r", "d@r"));
}

TEST_F(SchedulerQuotaTest, ACallIsBeyondQuotaOnlyWhereNoKnownOneHoldsIt) {
  Use(Limited(1000, "poor"));
  SetWorker("p", "poor");
  SetWorker("r", "rich");
  ReadyAttempt call = Call("a", 3000);
  call.prompt_tokens = 1000;
  call.completion_tokens = 2000;
  scheduler_->Enqueue(std::move(call));
  EXPECT_EQ(scheduler_->LeastDemandOf(CallRef("a")), 0u) << "it is not running";
  ASSERT_THAT(Assign(), SizeIs(1));
  EXPECT_EQ(scheduler_->LeastDemandOf(CallRef("a")), 2600u)
      << "the prompt's part is an upper estimate";
  scheduler_->Enqueue(Call("b", 3000));
  ASSERT_THAT(Assign(), SizeIs(1));
  EXPECT_EQ(scheduler_->LimitBelow("m", 2600), 0u) << "nothing is known of the rich one";
  RateLimits headers;
  headers.tokens[0] = {.limit = 2000, .remaining = 2000};
  for (const char* job : {"a", "b"}) {
    scheduler_->Finish(CallRef(job),
                       {.kind = CallEnd::Kind::kQuotaRefused,
                        .retry_after = absl::Seconds(1),
                        .tokens_short = true,
                        .headers = headers},
                       absl::ZeroDuration(), 0, kQuotaStart);
  }
  EXPECT_EQ(scheduler_->LimitBelow("m", 2600), 2000u);
  EXPECT_EQ(scheduler_->LimitBelow("m", 2000), 0u);
  EXPECT_EQ(scheduler_->LimitBelow("another", 2600), 0u);
}

TEST_F(SchedulerQuotaTest, AClosedModelDelaysOnlyItself) {
  SetWorker("w", "k");
  scheduler_->Enqueue(Call("a", 100));
  ASSERT_THAT(Assign(), SizeIs(1));
  scheduler_->Finish(CallRef("a"),
                     {.kind = CallEnd::Kind::kQuotaRefused, .retry_after = absl::Seconds(30)}, {},
                     0, kQuotaStart);
  scheduler_->Enqueue(Call("b", 100));
  scheduler_->Enqueue(Call("c", 100, "t", "other"));
  EXPECT_THAT(Assign(), ElementsAre("c@w"));
  const absl::Time opens = scheduler_->NextWakeUp();
  EXPECT_GE(opens, kQuotaStart + absl::Seconds(30));
  EXPECT_THAT(Assign(opens - absl::Milliseconds(1)), IsEmpty());
  EXPECT_THAT(Assign(opens), ElementsAre("b@w"));
}

TEST_F(SchedulerQuotaTest, NamesEachQueuedAttemptOfAModelThatIsClosedForLong) {
  SetWorker("w", "k");
  scheduler_->Enqueue(Call("a", 100));
  ASSERT_THAT(Assign(), SizeIs(1));
  scheduler_->Enqueue(Call("b", 100));
  EXPECT_THAT(scheduler_->TakeClosed(kQuotaStart), IsEmpty());
  scheduler_->Finish(CallRef("a"),
                     {.kind = CallEnd::Kind::kQuotaRefused, .retry_after = absl::Seconds(30)}, {},
                     0, kQuotaStart);
  const auto closed = scheduler_->TakeClosed(kQuotaStart);
  ASSERT_THAT(closed, SizeIs(1));
  EXPECT_EQ(closed[0].first, CallRef("b"));
  EXPECT_GE(closed[0].second, kQuotaStart + absl::Seconds(30));
  EXPECT_THAT(scheduler_->TakeClosed(kQuotaStart), IsEmpty());
  // Another key has it open.
  SetWorker("v", "other");
  EXPECT_THAT(scheduler_->TakeClosed(kQuotaStart), IsEmpty());
  scheduler_->Remove(CallRef("b"));
}

TEST_F(SchedulerQuotaTest, ALostWorkersReservationsAreReleased) {
  Use(Limited(6000));
  SetWorker("w", "k");
  scheduler_->Enqueue(Call("a", 2500));
  ASSERT_THAT(Assign(), SizeIs(1));
  scheduler_->RemoveWorker(WorkerId("w"), kQuotaStart);
  const auto quotas = scheduler_->Quotas(kQuotaStart);
  ASSERT_THAT(quotas, SizeIs(1));
  EXPECT_EQ(quotas[0].reserved_tokens, 0u);
  EXPECT_EQ(quotas[0].remaining.tokens[0], 4750u);  // the prompt counts as read
}

TEST_F(SchedulerQuotaTest, ConcurrencyIsBoundedWhereAnOperatorSaysSo) {
  SchedulerOptions options;
  QuotaRule rule;
  rule.concurrent_max = 2;
  options.quotas.push_back(rule);
  Use(std::move(options));
  SetWorker("w", "k");
  for (const char* job : {"a", "b", "c"}) scheduler_->Enqueue(Call(job, 100));
  EXPECT_THAT(Assign(), SizeIs(2));
  EXPECT_EQ(scheduler_->NextWakeUp(), absl::InfiniteFuture());
  Succeed("a", 100);
  EXPECT_THAT(Assign(), SizeIs(1));
}

TEST_F(SchedulerQuotaTest, RetriesBeyondTheBudgetWaitButNotForEver) {
  SchedulerOptions options;
  options.retries = {.share = 0.1, .saved_max = 1, .free_every = absl::Seconds(2)};
  Use(std::move(options));
  SetWorker("w", "k");
  for (const char* job : {"a", "b", "c"}) {
    ReadyAttempt retry = Call(job, 100);
    retry.kind = AttemptKind::kRetry;
    scheduler_->Enqueue(retry);
  }
  // The one that was saved, and the free one.
  EXPECT_THAT(Assign(), SizeIs(2));
  EXPECT_EQ(scheduler_->NextWakeUp(), kQuotaStart + absl::Seconds(2));
  scheduler_->Enqueue(Call("first", 100));
  EXPECT_THAT(Assign(), ElementsAre("first@w"));
  EXPECT_THAT(Assign(kQuotaStart + absl::Seconds(2)), SizeIs(1));
}

TEST_F(SchedulerQuotaTest, CallsThatEndWellEarnRetries) {
  SchedulerOptions options;
  options.retries = {.share = 2, .saved_max = 2, .free_every = {}};
  Use(std::move(options));
  SetWorker("w", "k");
  for (const char* job : {"a", "b", "c", "d", "e"}) {
    ReadyAttempt retry = Call(job, 100);
    retry.kind = AttemptKind::kRetry;
    scheduler_->Enqueue(retry);
  }
  EXPECT_THAT(Assign(), ElementsAre("a@w", "b@w"));
  // Calls that only begin, or fail, earn nothing.
  scheduler_->Enqueue(Call("first", 100));
  EXPECT_THAT(Assign(), ElementsAre("first@w"));
  scheduler_->Finish(CallRef("a"), {.kind = CallEnd::Kind::kProcessed}, {}, 0, kQuotaStart);
  EXPECT_THAT(Assign(), IsEmpty());
  Succeed("first", 100);
  EXPECT_THAT(Assign(), ElementsAre("c@w", "d@w"));
}

class HedgeTest : public SchedulerQuotaTest {
 protected:
  // Enough replies to know what is usual: slow is what takes longer than 260 ms.
  void Learn() {
    SetWorker("w", "k");
    for (int i = 0; i < 60; ++i) {
      const std::string job = absl::StrCat("l", i);
      scheduler_->Enqueue(Call(job, 100));
      ASSERT_THAT(Assign(), SizeIs(1));
      Succeed(job, 100);
    }
  }
};

TEST_F(HedgeTest, ASlowCallIsNamedOnce) {
  Learn();
  scheduler_->Enqueue(Call("a", 100));
  Assign();
  EXPECT_THAT(scheduler_->TakeSlow(kQuotaStart + absl::Milliseconds(200)), IsEmpty());
  const absl::Time slow_at = scheduler_->NextWakeUp();
  EXPECT_LT(slow_at, kQuotaStart + absl::Milliseconds(300));
  EXPECT_THAT(scheduler_->TakeSlow(slow_at), ElementsAre(CallRef("a")));
  EXPECT_THAT(scheduler_->TakeSlow(slow_at + absl::Seconds(10)), IsEmpty());
}

TEST_F(HedgeTest, NoneIsNamedWhileOthersWaitForTheModel) {
  Learn();
  SetWorker("w", "k", 1);
  scheduler_->Enqueue(Call("a", 100));
  ASSERT_THAT(Assign(), SizeIs(1));
  scheduler_->Enqueue(Call("b", 100));
  EXPECT_THAT(scheduler_->TakeSlow(kQuotaStart + absl::Seconds(1)), IsEmpty());
  EXPECT_GT(scheduler_->NextWakeUp(), kQuotaStart + absl::Seconds(1));
}

TEST_F(HedgeTest, NoneIsNamedWhenQuotaIsShort) {
  Use(Limited(20'000));
  Learn();
  scheduler_->Enqueue(Call("a", 11'000));
  ASSERT_THAT(Assign(), SizeIs(1));
  EXPECT_THAT(scheduler_->TakeSlow(kQuotaStart + absl::Seconds(1)), IsEmpty());
}

TEST_F(HedgeTest, HedgesAreAShareOfTheCalls) {
  Learn();
  size_t hedged = 0;
  absl::Time now = kQuotaStart;
  for (int i = 0; i < 200; ++i) {
    const std::string job = absl::StrCat("s", i);
    scheduler_->Enqueue(Call(job, 100));
    scheduler_->Assign(now);
    now += absl::Seconds(5);
    for (const AttemptRef& slow : scheduler_->TakeSlow(now)) {
      ReadyAttempt hedge = Call(slow.job.value(), 100);
      hedge.ref.attempt = 2;
      hedge.kind = AttemptKind::kHedge;
      hedge.enqueued_at = now;
      scheduler_->Enqueue(hedge);
      hedged += scheduler_->Assign(now).size();
      scheduler_->Finish(hedge.ref, {}, {}, 0, now);
    }
    scheduler_->Finish(CallRef(job), {}, {}, 0, now);
  }
  EXPECT_GE(hedged, 8u);
  EXPECT_LE(hedged, 13u);  // five per cent of 260
}

TEST_F(HedgeTest, AHedgeYieldsToACallThatWaits) {
  Learn();
  SetWorker("w", "k", 1);
  ReadyAttempt hedge = Call("h", 100);
  hedge.kind = AttemptKind::kHedge;
  hedge.stages_left = 0;
  scheduler_->Enqueue(hedge);
  scheduler_->Enqueue(Call("a", 100));
  EXPECT_THAT(Assign(), ElementsAre("a@w"));
  Succeed("a", 100);
  EXPECT_THAT(Assign(), ElementsAre("h@w"));
}

TEST_F(HedgeTest, NoneIsNamedWhereHedgingIsOff) {
  SchedulerOptions options;
  options.hedging = false;
  Use(std::move(options));
  Learn();
  scheduler_->Enqueue(Call("a", 100));
  Assign();
  EXPECT_THAT(scheduler_->TakeSlow(kQuotaStart + absl::Hours(1)), IsEmpty());
}

}  // namespace
}  // namespace moa
