#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "coordinator/scheduler/scheduler.h"

// Tasks of graders go to workers that grade, and to no other.

namespace moa {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

class SchedulerGradingTest : public testing::Test {
 protected:
  ~SchedulerGradingTest() override { scheduler_.CheckInvariants(); }

  static AttemptRef Ref(uint32_t task) {
    return {.job = JobId("j"), .task = task, .attempt = 1, .epoch = 1};
  }
  void Enqueue(uint32_t task, const std::string& model, uint64_t tokens = 0) {
    ReadyAttempt attempt;
    attempt.ref = Ref(task);
    attempt.tenant = Tenant("t");
    attempt.model = model;
    attempt.accepted_at = kNow;
    attempt.enqueued_at = kNow;
    attempt.prompt_tokens = tokens;
    scheduler_.Enqueue(attempt);
  }
  void SetWorker(const std::string& id, uint32_t slots, std::vector<std::string> models) {
    scheduler_.SetWorker(WorkerId(id), {.slots = slots, .models = std::move(models)});
    scheduler_.CheckInvariants();
  }
  std::vector<std::string> Assign() {
    std::vector<std::string> placed;
    for (const Assignment& one : scheduler_.Assign(kNow)) {
      placed.push_back(std::to_string(one.ref.task) + "@" + one.worker.value());
    }
    scheduler_.CheckInvariants();
    return placed;
  }

  // One token a minute: nothing that asks a model fits.
  Scheduler scheduler_{SchedulerOptions{.quotas = {{.limits = {.tokens = {1}}}}}};
};

TEST_F(SchedulerGradingTest, AWorkerWhoseModelsAreNotKnownGetsNone) {
  SetWorker("models", 4, {});
  Enqueue(0, "grader");
  EXPECT_THAT(Assign(), IsEmpty());
  SetWorker("grades", 1, {"grader"});
  EXPECT_THAT(Assign(), ElementsAre("0@grades"));
}

TEST_F(SchedulerGradingTest, NoQuotaHoldsItBack) {
  SetWorker("grades", 4, {"grader"});
  Enqueue(0, "grader", 100'000);
  Enqueue(1, "grader", 100'000);
  EXPECT_THAT(Assign(), ElementsAre("0@grades", "1@grades"));
  EXPECT_THAT(scheduler_.Quotas(kNow), IsEmpty());
  EXPECT_THAT(scheduler_.QuotaNeeds(kNow), IsEmpty());
}

TEST_F(SchedulerGradingTest, CountsWhatGradesApart) {
  SetWorker("models", 4, {"m"});
  SetWorker("grades", 2, {"grader"});
  Enqueue(0, "grader");
  Assign();
  EXPECT_EQ(scheduler_.grading(), (Scheduler::Grading{.workers = 1, .slots = 2, .running = 1}));
  EXPECT_EQ(scheduler_.slots_total(), 6u);
  SetWorker("grades", 3, {"grader"});
  EXPECT_EQ(scheduler_.grading().slots, 3u);
  scheduler_.Finish(Ref(0), {}, absl::Seconds(1), 0, kNow);
  EXPECT_EQ(scheduler_.grading().running, 0u);
  scheduler_.RemoveWorker(WorkerId("grades"), kNow);
  EXPECT_EQ(scheduler_.grading(), Scheduler::Grading{});
}

TEST_F(SchedulerGradingTest, ASlowOneGetsNoSecondRun) {
  SetWorker("grades", 8, {"grader"});
  for (uint32_t task = 0; task < 60; ++task) {
    Enqueue(task, "grader");
    Assign();
    scheduler_.Finish(Ref(task), {}, absl::Milliseconds(30), 10, kNow);
  }
  Enqueue(99, "grader");
  Assign();
  EXPECT_THAT(scheduler_.TakeSlow(kNow + absl::Hours(1)), IsEmpty());
}

}  // namespace
}  // namespace moa
