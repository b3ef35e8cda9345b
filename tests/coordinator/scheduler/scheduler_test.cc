#include "coordinator/scheduler/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

AttemptRef Ref(const std::string& job, uint32_t task = 0, uint32_t attempt = 1) {
  return {.job = JobId(job), .task = task, .attempt = attempt, .epoch = 1};
}

ReadyAttempt Ready(const AttemptRef& ref, const std::string& tenant = "t",
                   const std::string& model = "m") {
  ReadyAttempt attempt;
  attempt.ref = ref;
  attempt.tenant = Tenant(tenant);
  attempt.model = model;
  attempt.stages_left = 1;
  attempt.accepted_at = kStart;
  attempt.enqueued_at = kStart;
  return attempt;
}

WorkerCapacity Slots(uint32_t slots, std::vector<std::string> models = {}) {
  WorkerCapacity capacity;
  capacity.slots = slots;
  capacity.models = std::move(models);
  return capacity;
}

class SchedulerTest : public testing::Test {
 protected:
  ~SchedulerTest() override { scheduler_.CheckInvariants(); }

  // What is placed now, as "job.task@worker", in order.
  std::vector<std::string> Assign(absl::Time now = kStart) {
    std::vector<std::string> placed;
    for (const Assignment& one : scheduler_.Assign(now)) {
      placed.push_back(
          absl::StrCat(one.ref.job.value(), ".", one.ref.task, "@", one.worker.value()));
    }
    scheduler_.CheckInvariants();
    return placed;
  }
  bool Finish(const AttemptRef& ref) { return scheduler_.Finish(ref, {}, {}, 0, kStart); }
  void SetWorker(const std::string& id, const WorkerCapacity& capacity) {
    scheduler_.SetWorker(WorkerId(id), capacity);
  }

  Scheduler scheduler_;
};

TEST_F(SchedulerTest, PlacesNothingWithoutWorkers) {
  scheduler_.Enqueue(Ready(Ref("a")));
  EXPECT_THAT(Assign(), IsEmpty());
  EXPECT_EQ(scheduler_.queued(), 1u);
}

TEST_F(SchedulerTest, FillsFreeSlotsAndNoMore) {
  SetWorker("w", Slots(2));
  for (uint32_t i = 0; i < 3; ++i) scheduler_.Enqueue(Ready(Ref("a", i)));
  EXPECT_THAT(Assign(), ElementsAre("a.0@w", "a.1@w"));
  EXPECT_THAT(Assign(), IsEmpty());
  EXPECT_TRUE(Finish(Ref("a", 0)));
  EXPECT_THAT(Assign(), ElementsAre("a.2@w"));
}

// Tenant "big" came first with many tasks; "small" still gets every second slot.
TEST_F(SchedulerTest, SharesSlotsAmongTenantsWhateverTheirQueues) {
  SetWorker("w", Slots(4));
  for (uint32_t i = 0; i < 10; ++i) scheduler_.Enqueue(Ready(Ref("big", i), "big"));
  for (uint32_t i = 0; i < 2; ++i) scheduler_.Enqueue(Ready(Ref("small", i), "small"));
  EXPECT_THAT(Assign(), ElementsAre("big.0@w", "small.0@w", "big.1@w", "small.1@w"));
}

// What a tenant already runs counts against it: the one that still holds a slot waits for the other,
// and then they are even.
TEST_F(SchedulerTest, ServesTheTenantWithTheFewestRunningAttemptsFirst) {
  SetWorker("w", Slots(3));
  for (uint32_t i = 0; i < 6; ++i) scheduler_.Enqueue(Ready(Ref("big", i), "big"));
  EXPECT_THAT(Assign(), SizeIs(3));
  for (uint32_t i = 0; i < 3; ++i) scheduler_.Enqueue(Ready(Ref("late", i), "late"));
  Finish(Ref("big", 0));
  Finish(Ref("big", 1));
  EXPECT_THAT(Assign(), ElementsAre("late.0@w", "big.3@w"));
}

TEST_F(SchedulerTest, TakesTurnsAmongTenantsThatRunEquallyMuch) {
  SetWorker("w", Slots(1));
  for (const char* tenant : {"x", "y", "z"}) {
    for (uint32_t i = 0; i < 2; ++i) scheduler_.Enqueue(Ready(Ref(tenant, i), tenant));
  }
  std::vector<std::string> order;
  for (int i = 0; i < 6; ++i) {
    const std::vector<Assignment> placed = scheduler_.Assign(kStart);
    ASSERT_THAT(placed, SizeIs(1));
    order.push_back(absl::StrCat(placed[0].ref.job.value(), placed[0].ref.task));
    Finish(placed[0].ref);
  }
  EXPECT_THAT(order, ElementsAre("x0", "y0", "z0", "x1", "y1", "z1"));
}

// A tenant whose tasks wait for a model that nobody offers keeps no other tenant from a slot.
TEST_F(SchedulerTest, UnservableTenantBlocksNobody) {
  SetWorker("w", Slots(2, {"m"}));
  scheduler_.Enqueue(Ready(Ref("a"), "first", "absent"));
  scheduler_.Enqueue(Ready(Ref("b"), "second", "m"));
  scheduler_.Enqueue(Ready(Ref("c"), "third", "m"));
  EXPECT_THAT(Assign(), ElementsAre("b.0@w", "c.0@w"));
}

TEST_F(SchedulerTest, NearlyFinishedJobsGoFirst) {
  SetWorker("w", Slots(1));
  ReadyAttempt early = Ready(Ref("early"));
  early.stages_left = 3;
  ReadyAttempt late = Ready(Ref("late"));
  late.stages_left = 1;
  late.accepted_at = kStart + absl::Seconds(5);
  scheduler_.Enqueue(early);
  scheduler_.Enqueue(late);
  EXPECT_THAT(Assign(), ElementsAre("late.0@w"));
}

TEST_F(SchedulerTest, OfEquallyNearJobsTheOldestGoesFirst) {
  SetWorker("w", Slots(2));
  ReadyAttempt younger = Ready(Ref("a"));
  younger.accepted_at = kStart + absl::Milliseconds(1);
  scheduler_.Enqueue(younger);
  scheduler_.Enqueue(Ready(Ref("b")));
  EXPECT_THAT(Assign(), ElementsAre("b.0@w", "a.0@w"));
}

TEST_F(SchedulerTest, TasksOfAJobGoInPlanOrder) {
  SetWorker("w", Slots(12));
  for (const uint32_t task : {10u, 2u, 0u, 1u}) scheduler_.Enqueue(Ready(Ref("a", task)));
  EXPECT_THAT(Assign(), ElementsAre("a.0@w", "a.1@w", "a.2@w", "a.10@w"));
}

// The best task waits for its model; a worse one of another model takes the slot meanwhile.
TEST_F(SchedulerTest, ModelThatNobodyFreeOffersDelaysOnlyItsOwnTasks) {
  SetWorker("w", Slots(1, {"m"}));
  SetWorker("v", Slots(1, {"n"}));
  scheduler_.Enqueue(Ready(Ref("a", 0), "t", "n"));
  scheduler_.Enqueue(Ready(Ref("a", 1), "t", "n"));
  scheduler_.Enqueue(Ready(Ref("z", 2), "t", "m"));
  EXPECT_THAT(Assign(), ElementsAre("a.0@v", "z.2@w"));
  Finish(Ref("z", 2));
  EXPECT_THAT(Assign(), IsEmpty());
  Finish(Ref("a", 0));
  EXPECT_THAT(Assign(), ElementsAre("a.1@v"));
}

TEST_F(SchedulerTest, WorkerThatNamesNoModelsIsTakenForAll) {
  SetWorker("w", Slots(1));
  scheduler_.Enqueue(Ready(Ref("a"), "t", "anything"));
  EXPECT_THAT(Assign(), ElementsAre("a.0@w"));
}

TEST_F(SchedulerTest, AnnouncedModelFreesTheTasksThatWaitedForIt) {
  SetWorker("w", Slots(1, {"m"}));
  scheduler_.Enqueue(Ready(Ref("a"), "t", "n"));
  EXPECT_THAT(Assign(), IsEmpty());
  SetWorker("w", Slots(1, {"m", "n"}));
  EXPECT_THAT(Assign(), ElementsAre("a.0@w"));
}

TEST_F(SchedulerTest, WorkerWithTheMostFreeSlotsTakesTheAttempt) {
  SetWorker("small", Slots(1));
  SetWorker("large", Slots(3));
  for (uint32_t i = 0; i < 4; ++i) scheduler_.Enqueue(Ready(Ref("a", i)));
  const std::vector<std::string> placed = Assign();
  ASSERT_THAT(placed, SizeIs(4));
  EXPECT_EQ(placed[0], "a.0@large");
  EXPECT_EQ(placed[1], "a.1@large");
  EXPECT_EQ(scheduler_.RunningOn(WorkerId("small")), 1u);
  EXPECT_EQ(scheduler_.RunningOn(WorkerId("large")), 3u);
}

// Workers of many kinds, their capacities changing: the one chosen is always that with the most free slots of all that
// offer the model, the greater id among equals.
TEST_F(SchedulerTest, OfManyKindsOfWorkersTheFreestThatOffersTheModelTakesTheAttempt) {
  struct Known {
    WorkerCapacity capacity;
    uint32_t running = 0;
  };
  QuotaRule rule;  // known, so that nothing waits for the first reply to tell
  rule.limits.requests[0] = 1'000'000;
  SchedulerOptions options;
  options.quotas = {rule};
  Scheduler scheduler(options);
  std::map<std::string, Known> known;
  const auto set = [&](int i, uint32_t slots, int kind) {
    WorkerCapacity capacity = Slots(slots);
    for (int m = 0; m < 3; ++m) {
      if ((kind & (1 << m)) != 0) capacity.models.push_back(absl::StrCat("m", m));
    }
    capacity.key = absl::StrCat("key-", kind % 3);
    capacity.draining = kind % 11 == 10;
    const std::string id = absl::StrCat("w", i);
    known[id].capacity = capacity;
    scheduler.SetWorker(WorkerId(id), capacity);
  };
  for (int i = 0; i < 300; ++i) set(i, static_cast<uint32_t>(i * 5 % 8), i % 15);
  uint32_t placed = 0;
  for (uint32_t n = 0; n < 600; ++n) {
    const std::string model = absl::StrCat("m", n % 3);
    const std::string* expected = nullptr;
    uint32_t most = 0;
    for (const auto& [id, worker] : known) {
      const auto& models = worker.capacity.models;
      const uint32_t slots = worker.capacity.draining ? 0 : worker.capacity.slots;
      const uint32_t room = slots > worker.running ? slots - worker.running : 0;
      const bool offers =
          models.empty() || std::find(models.begin(), models.end(), model) != models.end();
      if (offers && room > 0 && room >= most) {
        most = room;
        expected = &id;
      }
    }
    scheduler.Enqueue(Ready(Ref("a", n), "t", model));
    const std::vector<Assignment> assigned = scheduler.Assign(kStart);
    scheduler.CheckInvariants();
    if (expected == nullptr) {
      EXPECT_THAT(assigned, IsEmpty());
      scheduler.Remove(Ref("a", n));
      continue;
    }
    ASSERT_THAT(assigned, SizeIs(1)) << n;
    EXPECT_EQ(assigned[0].worker.value(), *expected) << n;
    ++known[*expected].running;
    ++placed;
    const int changed = static_cast<int>(n * 7 % 300);
    if (n % 4 == 0) set(changed, n % 9, static_cast<int>(n % 15));
  }
  EXPECT_GT(placed, 300u);
}

TEST_F(SchedulerTest, DrainingWorkerGetsNothingNewAndRunsItsOwnOn) {
  SetWorker("w", Slots(2));
  scheduler_.Enqueue(Ready(Ref("a", 0)));
  EXPECT_THAT(Assign(), SizeIs(1));
  WorkerCapacity draining = Slots(2);
  draining.draining = true;
  SetWorker("w", draining);
  scheduler_.Enqueue(Ready(Ref("a", 1)));
  EXPECT_THAT(Assign(), IsEmpty());
  EXPECT_EQ(scheduler_.RunningOn(WorkerId("w")), 1u);
  EXPECT_TRUE(Finish(Ref("a", 0)));
  EXPECT_THAT(Assign(), IsEmpty());
}

TEST_F(SchedulerTest, AttemptsBeyondLoweredSlotsRunOnAndNoneComesUntilThereIsRoom) {
  SetWorker("w", Slots(3));
  for (uint32_t i = 0; i < 5; ++i) scheduler_.Enqueue(Ready(Ref("a", i)));
  EXPECT_THAT(Assign(), SizeIs(3));
  SetWorker("w", Slots(1));
  EXPECT_EQ(scheduler_.RunningOn(WorkerId("w")), 3u);
  Finish(Ref("a", 0));
  Finish(Ref("a", 1));
  EXPECT_THAT(Assign(), IsEmpty());
  Finish(Ref("a", 2));
  EXPECT_THAT(Assign(), ElementsAre("a.3@w"));
}

TEST_F(SchedulerTest, HeldAttemptWaitsForItsTimeAndSaysWhenThatIs) {
  SetWorker("w", Slots(2));
  ReadyAttempt held = Ready(Ref("a", 0));
  held.not_before = kStart + absl::Seconds(1);
  scheduler_.Enqueue(held);
  scheduler_.Enqueue(Ready(Ref("b", 0)));
  EXPECT_EQ(scheduler_.NextWakeUp(), kStart + absl::Seconds(1));
  EXPECT_THAT(Assign(), ElementsAre("b.0@w"));
  EXPECT_THAT(Assign(kStart + absl::Milliseconds(999)), IsEmpty());
  EXPECT_THAT(Assign(kStart + absl::Seconds(1)), ElementsAre("a.0@w"));
  EXPECT_EQ(scheduler_.NextWakeUp(), absl::InfiniteFuture());
}

// Its time comes while all slots are taken: it is no timer's business any more, a free slot is.
TEST_F(SchedulerTest, HeldAttemptWhoseTimeHasComeWaitsLikeAnyOther) {
  SetWorker("w", Slots(1));
  scheduler_.Enqueue(Ready(Ref("b", 0)));
  EXPECT_THAT(Assign(), SizeIs(1));
  ReadyAttempt held = Ready(Ref("a", 0));
  held.not_before = kStart + absl::Seconds(1);
  scheduler_.Enqueue(held);
  EXPECT_THAT(Assign(kStart + absl::Seconds(2)), IsEmpty());
  EXPECT_EQ(scheduler_.NextWakeUp(), absl::InfiniteFuture());
  Finish(Ref("b", 0));
  EXPECT_THAT(Assign(kStart + absl::Seconds(2)), ElementsAre("a.0@w"));
}

TEST_F(SchedulerTest, RemovedAttemptIsNotPlaced) {
  SetWorker("w", Slots(2));
  ReadyAttempt held = Ready(Ref("a", 0));
  held.not_before = kStart + absl::Seconds(1);
  scheduler_.Enqueue(held);
  scheduler_.Enqueue(Ready(Ref("a", 1)));
  EXPECT_TRUE(scheduler_.Remove(Ref("a", 0)));
  EXPECT_TRUE(scheduler_.Remove(Ref("a", 1)));
  EXPECT_FALSE(scheduler_.Remove(Ref("a", 1)));
  EXPECT_EQ(scheduler_.queued(), 0u);
  EXPECT_EQ(scheduler_.NextWakeUp(), absl::InfiniteFuture());
  EXPECT_EQ(scheduler_.oldest_enqueued(), absl::InfiniteFuture());
  EXPECT_THAT(Assign(kStart + absl::Seconds(5)), IsEmpty());
}

TEST_F(SchedulerTest, RunningAttemptCannotBeRemovedFromTheQueue) {
  SetWorker("w", Slots(1));
  scheduler_.Enqueue(Ready(Ref("a")));
  EXPECT_THAT(Assign(), SizeIs(1));
  EXPECT_FALSE(scheduler_.Remove(Ref("a")));
  EXPECT_EQ(scheduler_.running(), 1u);
}

TEST_F(SchedulerTest, AdoptedAttemptTakesASlotEvenBeyondTheLimit) {
  SetWorker("w", Slots(1));
  scheduler_.Adopt(Ready(Ref("a", 0), "t"), WorkerId("w"), kStart);
  scheduler_.Adopt(Ready(Ref("a", 1), "t"), WorkerId("w"), kStart);
  EXPECT_EQ(scheduler_.RunningOn(WorkerId("w")), 2u);
  ASSERT_NE(scheduler_.WorkerOf(Ref("a", 1)), nullptr);
  EXPECT_EQ(*scheduler_.WorkerOf(Ref("a", 1)), WorkerId("w"));
  scheduler_.Enqueue(Ready(Ref("b")));
  Finish(Ref("a", 0));
  EXPECT_THAT(Assign(), IsEmpty());
  Finish(Ref("a", 1));
  EXPECT_THAT(Assign(), ElementsAre("b.0@w"));
}

TEST_F(SchedulerTest, AdoptedAttemptsCountInTheirTenantsShare) {
  SetWorker("w", Slots(2));
  scheduler_.Adopt(Ready(Ref("a", 0), "x"), WorkerId("w"), kStart);
  scheduler_.Enqueue(Ready(Ref("a", 1), "x"));
  scheduler_.Enqueue(Ready(Ref("b", 0), "y"));
  EXPECT_THAT(Assign(), ElementsAre("b.0@w"));
}

TEST_F(SchedulerTest, FinishedAttemptIsFinishedOnce) {
  SetWorker("w", Slots(2));
  scheduler_.Enqueue(Ready(Ref("a")));
  EXPECT_THAT(Assign(), SizeIs(1));
  EXPECT_TRUE(Finish(Ref("a")));
  EXPECT_FALSE(Finish(Ref("a")));
  EXPECT_FALSE(Finish(Ref("never")));
  EXPECT_EQ(scheduler_.RunningOn(WorkerId("w")), 0u);
  EXPECT_EQ(scheduler_.WorkerOf(Ref("a")), nullptr);
}

TEST_F(SchedulerTest, RemovedWorkerReturnsWhatItRanInOrder) {
  SetWorker("v", Slots(1));
  SetWorker("w", Slots(3));
  for (const uint32_t task : {2u, 0u, 1u}) {
    scheduler_.Adopt(Ready(Ref("a", task), "t"), WorkerId("w"), kStart);
  }
  scheduler_.Adopt(Ready(Ref("b"), "t"), WorkerId("v"), kStart);
  EXPECT_THAT(scheduler_.RemoveWorker(WorkerId("w"), kStart),
              ElementsAre(Ref("a", 0), Ref("a", 1), Ref("a", 2)));
  EXPECT_EQ(scheduler_.running(), 1u);
  EXPECT_EQ(scheduler_.slots_total(), 1u);
  EXPECT_EQ(scheduler_.RunningOn(WorkerId("w")), 0u);
  EXPECT_FALSE(Finish(Ref("a", 0)));
  EXPECT_THAT(scheduler_.RemoveWorker(WorkerId("w"), kStart), IsEmpty());
}

TEST_F(SchedulerTest, TellsSinceWhenTheOldestQueuedAttemptWaits) {
  ReadyAttempt later = Ready(Ref("b"));
  later.enqueued_at = kStart + absl::Seconds(1);
  scheduler_.Enqueue(later);
  ReadyAttempt held = Ready(Ref("a"));
  held.not_before = kStart + absl::Seconds(9);
  scheduler_.Enqueue(held);
  EXPECT_EQ(scheduler_.oldest_enqueued(), kStart);
  scheduler_.Remove(Ref("a"));
  EXPECT_EQ(scheduler_.oldest_enqueued(), kStart + absl::Seconds(1));
}

// The same calls in the same order give the same placements: nothing hangs on a hash map's order.
TEST_F(SchedulerTest, PlacesTheSameWayEveryTime) {
  const auto run = [] {
    Scheduler scheduler;
    for (int i = 0; i < 5; ++i) {
      scheduler.SetWorker(WorkerId(absl::StrCat("w", i)), Slots(4));
    }
    for (uint32_t i = 0; i < 30; ++i) {
      scheduler.Enqueue(Ready(Ref(absl::StrCat("j", i % 7), i), absl::StrCat("t", i % 3)));
    }
    std::string log;
    for (const Assignment& one : scheduler.Assign(kStart)) {
      absl::StrAppend(&log, one.ref.job.value(), one.ref.task, one.worker.value(), " ");
    }
    for (const AttemptRef& ref : scheduler.RemoveWorker(WorkerId("w2"), kStart)) {
      absl::StrAppend(&log, ref.job.value(), ref.task, " ");
    }
    return log;
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace moa
