// A new owner takes a job up from its records, and workers come back with attempts of the old one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

const JobEnded& EndOf(const JobDriver& job) { return *job.machine().end(); }

TEST(JobRestartTest, AfterARestartOnlyUnfinishedTasksRunAgain) {
  JobDriver job(MakeJob(1, 3));
  job.DispatchAll();
  job.Succeed(1, "kept");
  job.Restart();
  ASSERT_THAT(job.queued(), SizeIs(2));
  EXPECT_EQ(job.ref(0).epoch, 2u);
  EXPECT_EQ(job.task(1).state, TaskState::kSucceeded);
  EXPECT_EQ(job.machine().state(), JobState::kRunning);
  job.FinishStage("new-");
  EXPECT_THAT(Spell(job.machine().Input(3)), HasSubstr("[Answer 2]\nkept"));
  EXPECT_THAT(job.RecordsOf<LayerStarted>(), SizeIs(2)) << "no stage starts twice";
}

TEST(JobRestartTest, AnAttemptOfAnEarlierOwnerIsAdoptedInPlaceOfTheQueuedOne) {
  JobDriver job(MakeJob(1, 2));
  job.DispatchAll();
  const AttemptRef old = job.ref(0);
  job.Restart();
  job.Apply(AttemptAdopted{.ref = old, .worker = "w9"});
  EXPECT_EQ(job.task(0).state, TaskState::kRunning);
  EXPECT_EQ(job.ref(0), old);
  EXPECT_TRUE(std::holds_alternative<DequeueAttempt>(job.last_commands().at(0)));
  job.Succeed(0, "survived");
  EXPECT_EQ(job.task(0).result.worker, "w9");
  EXPECT_EQ(job.task(0).result.attempts, 1u);
}

TEST(JobRestartTest, AnAdoptedAttemptThatIsLostIsRetriedUnderANewNumber) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kWorkerLost);
  job.Dispatch(0);
  const AttemptRef old = job.ref(0);  // attempt 2 of epoch 1
  job.Restart();
  job.Apply(AttemptAdopted{.ref = old, .worker = "w1"});
  EXPECT_EQ(job.task(0).attempts, 2u);
  job.Fail(0, ErrorCode::kWorkerLost);
  EXPECT_EQ(job.ref(0),
            (AttemptRef{.job = job.machine().id(), .task = 0, .attempt = 3, .epoch = 2}));
}

TEST(JobRestartTest, AnAttemptLostWithItsWorkerComesBackWithIt) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  const AttemptRef lost = job.ref(0);
  job.Fail(0, ErrorCode::kWorkerLost);
  job.Apply(AttemptAdopted{.ref = lost, .worker = "w1"});
  EXPECT_EQ(job.ref(0), lost);
  EXPECT_EQ(job.task(0).attempts, 1u) << "it was counted when it was dispatched";
  job.Succeed(0, "x");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
}

TEST(JobRestartTest, AFailureIsNotTakenTwiceWhenItsWorkerReportsItAgain) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  const AttemptRef failed = job.ref(0);
  job.Fail(0, ErrorCode::kServerError, true);
  job.Apply(AttemptAdopted{.ref = failed, .worker = "w1"});
  EXPECT_EQ(job.machine().stale_events(), 1u);
  EXPECT_EQ(job.ref(0).attempt, 0u);
}

TEST(JobRestartTest, AdoptionEndsAWaitForARetry) {
  JobDriver job(MakeJob(0, 0));
  job.Dispatch(0);
  const AttemptRef old = job.ref(0);
  job.Restart();
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kServerError, true);
  job.Apply(AttemptAdopted{.ref = old, .worker = "w1"});
  EXPECT_EQ(job.task(0).state, TaskState::kRunning);
  EXPECT_EQ(job.machine().NextDeadline(), job.machine().accepted_at() + absl::Minutes(10));
}

TEST(JobRestartTest, ResumeFinishesWhatTheCrashInterrupted) {
  // Each prefix of a history with a failed agent, a stage change and an end leads on to the same
  // end.
  JobDriver whole(MakeJob(1, 2));
  whole.DispatchAll();
  whole.Fail(0, ErrorCode::kInvalidRequest);
  whole.Succeed(1, "x");
  whole.FinishStage("final");
  ASSERT_THAT(whole.records(), SizeIs(8));
  for (size_t kept = 1; kept <= whole.records().size(); ++kept) {
    JobMachine machine(whole.machine().id(), Compile(MakeJob(1, 2), {}), {.epoch = 2});
    for (size_t i = 0; i < kept; ++i) ASSERT_TRUE(machine.Replay(whole.records()[i]).ok());
    Commands commands;
    machine.Resume(whole.now(), &commands);
    machine.CheckInvariants();
    while (!machine.ended()) {
      std::vector<AttemptRef> ready;
      for (const Command& command : commands) {
        if (const auto* enqueue = std::get_if<EnqueueAttempt>(&command))
          ready.push_back(enqueue->ref);
      }
      ASSERT_FALSE(ready.empty()) << kept;
      commands.clear();
      for (const AttemptRef& ref : ready) {
        machine.Apply(AttemptDispatched{.ref = ref}, whole.now(), &commands);
        Completion completion;
        completion.content = Text("x");
        machine.Apply(AttemptSucceeded{.ref = ref, .completion = completion}, whole.now(),
                      &commands);
      }
    }
    EXPECT_EQ(machine.state(), JobState::kSucceeded) << kept;
    EXPECT_EQ(machine.last_sequence(), kept < 3 ? 7u : 8u) << "degraded only if that was recorded";
  }
}

TEST(JobRestartTest, AFatalErrorOnRecordEndsTheResumedJob) {
  JobDriver job(MakeJob(1, 2));
  job.DispatchAll();
  job.Fail(0, ErrorCode::kPaymentRequired);
  JobMachine machine(job.machine().id(), Compile(MakeJob(1, 2), {}), {.epoch = 2});
  for (size_t i = 0; i + 1 < job.records().size(); ++i) {
    ASSERT_TRUE(machine.Replay(job.records()[i]).ok());
  }
  Commands commands;
  machine.Resume(job.now(), &commands);
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_EQ(machine.end()->error.code, ErrorCode::kPaymentRequired);
}

TEST(JobRestartTest, AJobResumedAfterItsDeadlineEnds) {
  JobDriver job(MakeJob(1, 2));
  JobMachine machine(job.machine().id(), Compile(MakeJob(1, 2), {}), {.epoch = 2});
  ASSERT_TRUE(machine.Replay(job.records()[0]).ok());
  Commands commands;
  machine.Resume(job.now() + absl::Hours(1), &commands);
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_EQ(machine.end()->error.code, ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(machine.end()->error.message, HasSubstr("before the job could start"));
}

TEST(JobRestartTest, AnEndedJobResumesSilently) {
  JobDriver job(MakeJob(0, 0));
  job.Cancel();
  job.Restart();
  EXPECT_THAT(job.last_commands(), SizeIs(0));
  EXPECT_EQ(job.machine().state(), JobState::kCancelled);
  EXPECT_EQ(EndOf(job).error.message, "cancelled");
}

}  // namespace
}  // namespace moa
