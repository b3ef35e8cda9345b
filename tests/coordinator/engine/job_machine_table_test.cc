// Every state of a task against every kind of event, and every state of a job against every kind of
// event: what is accepted, what is stale, and what comes of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

// Task 0 of a layer of two is brought into the state; task 1 runs, so that the stage does not end
// by itself.
struct Situation {
  std::string name;
  std::function<void(JobDriver&)> reach;
};

std::vector<Situation> Situations() {
  return {
      {"queued", [](JobDriver&) {}},
      {"running", [](JobDriver& job) { job.Dispatch(0); }},
      {"waiting",
       [](JobDriver& job) {
         job.Dispatch(0);
         job.Fail(0, ErrorCode::kServerError, true);
       }},
      {"requeued",
       [](JobDriver& job) {
         job.Dispatch(0);
         job.Fail(0, ErrorCode::kWorkerLost);
       }},
      {"adopted",
       [](JobDriver& job) {
         job.Apply(AttemptAdopted{.ref = {job.machine().id(), 0, 1, 1}, .worker = "w"});
       }},
      {"with a queued hedge",
       [](JobDriver& job) {
         job.Dispatch(0);
         job.Hedge(0);
       }},
      {"with a running hedge",
       [](JobDriver& job) {
         job.Dispatch(0);
         job.Hedge(0);
         job.Apply(AttemptDispatched{.ref = job.hedge(0), .worker = "w2"});
       }},
      {"its hedge alone",
       [](JobDriver& job) {
         job.Dispatch(0);
         job.Hedge(0);
         job.Apply(AttemptDispatched{.ref = job.hedge(0), .worker = "w2"});
         job.Fail(0, ErrorCode::kServerError, true);
       }},
      {"succeeded",
       [](JobDriver& job) {
         job.Dispatch(0);
         job.Succeed(0, "x");
       }},
      {"succeeded by its hedge",
       [](JobDriver& job) {
         job.Dispatch(0);
         job.Hedge(0);
         const AttemptRef hedge = job.hedge(0);
         job.Apply(AttemptDispatched{.ref = hedge, .worker = "w2"});
         Completion completion;
         completion.content = Text("x");
         job.Apply(AttemptSucceeded{.ref = hedge, .completion = completion});
       }},
      {"failed",
       [](JobDriver& job) {
         job.Dispatch(0);
         job.Fail(0, ErrorCode::kInvalidRequest);
       }},
      {"cancelled",
       [](JobDriver& job) {
         job.Dispatch(0);
         job.Cancel();
       }},
      {"skipped",
       [](JobDriver& job) {
         job.Dispatch(1);
         job.Fail(1, ErrorCode::kUnauthorized);
       }},
  };
}

enum class Kind {
  kDispatched,
  kAdoptedOld,  // an earlier owner's attempt
  kAdoptedOwn,  // the current attempt
  kSucceeded,
  kFailedForGood,
  kFailedForNow,
  kLost,
  kHedge,
  kModelClosed,
  kHedgeDispatched,  // these of its hedge
  kHedgeSucceeded,
  kHedgeFailed,
  kHedgeClosed,
  kCancel,
  kLast = kCancel,
};

// The hedge of every situation that has one is attempt 2 of epoch 2.
Event MakeEvent(Kind kind, const AttemptRef& ref) {
  const AttemptRef hedge{ref.job, ref.task, 2, 2};
  const absl::Time far_off = absl::FromUnixSeconds(2'000'000'000);

  Completion completion;
  completion.content = Text("answer");
  switch (kind) {
    case Kind::kDispatched:
      return AttemptDispatched{.ref = ref, .worker = "w2"};
    case Kind::kAdoptedOld:
      return AttemptAdopted{.ref = {ref.job, ref.task, 5, 1}, .worker = "w2"};
    case Kind::kAdoptedOwn:
      return AttemptAdopted{.ref = ref, .worker = "w2"};
    case Kind::kSucceeded:
      return AttemptSucceeded{.ref = ref, .completion = completion};
    case Kind::kFailedForGood:
      return AttemptFailed{.ref = ref, .error = {.code = ErrorCode::kInvalidRequest}};
    case Kind::kFailedForNow:
      return AttemptFailed{
          .ref = ref, .error = {.code = ErrorCode::kServerError}, .retryable = true};
    case Kind::kLost:
      return AttemptFailed{.ref = ref, .error = {.code = ErrorCode::kWorkerLost}};
    case Kind::kHedge:
      return HedgeRequested{.ref = ref};
    case Kind::kModelClosed:
      return ModelClosed{.ref = ref, .until = far_off};
    case Kind::kHedgeDispatched:
      return AttemptDispatched{.ref = hedge, .worker = "w3"};
    case Kind::kHedgeSucceeded:
      return AttemptSucceeded{.ref = hedge, .completion = completion};
    case Kind::kHedgeFailed:
      return AttemptFailed{.ref = hedge, .error = {.code = ErrorCode::kInvalidRequest}};
    case Kind::kHedgeClosed:
      return ModelClosed{.ref = hedge, .until = far_off};
    case Kind::kCancel:
      return CancelRequested{};
  }
  return CancelRequested{};
}

// The whole of the task's state that an event may change.
std::string Shown(const JobDriver& job) {
  const JobMachine::Task& task = job.task(0);
  if (job.machine().ended()) return "job ended";
  if (task.state == TaskState::kQueued && task.current.attempt == 0) return "WAITING";
  return absl::StrCat(TaskStateName(task.state), task.hedge.ref.attempt == 0 ? ""
                                                 : task.hedge.running        ? "+R"
                                                                             : "+Q");
}

// Rows: situations; columns: kinds. "-" is stale.
const std::vector<std::vector<std::string>> kExpected = {
    // dispatched, adopted old, adopted own, succeeded, failed, failed for now, lost,
    // hedge, model closed; hedge's: dispatched, succeeded, failed, model closed; cancel
    {"RUNNING", "RUNNING", "-", "-", "-", "-", "-",  // queued
     "-", "QUEUED", "-", "-", "-", "-", "job ended"},
    {"-", "-", "RUNNING", "SUCCEEDED", "FAILED", "WAITING", "QUEUED",  // running
     "RUNNING+Q", "-", "-", "-", "-", "-", "job ended"},
    {"-", "RUNNING", "-", "-", "-", "-", "-",  // waiting
     "-", "-", "-", "-", "-", "-", "job ended"},
    {"RUNNING", "RUNNING", "-", "-", "-", "-", "-",  // requeued: attempt 2 is its own
     "-", "QUEUED", "RUNNING", "-", "-", "QUEUED", "job ended"},
    {"-", "-", "RUNNING", "SUCCEEDED", "FAILED", "WAITING", "QUEUED",  // adopted
     "RUNNING+Q", "-", "-", "-", "-", "-", "job ended"},
    {"-", "-", "RUNNING+Q", "SUCCEEDED", "QUEUED", "QUEUED", "QUEUED",  // with a queued hedge
     "-", "-", "RUNNING+R", "-", "-", "RUNNING", "job ended"},
    {"-", "-", "RUNNING+R", "SUCCEEDED", "RUNNING", "RUNNING", "RUNNING",  // a running hedge
     "-", "-", "-", "SUCCEEDED", "RUNNING", "-", "job ended"},
    {"-", "-", "RUNNING", "SUCCEEDED", "FAILED", "WAITING", "QUEUED",  // its hedge alone
     "RUNNING+Q", "-", "-", "SUCCEEDED", "FAILED", "-", "job ended"},
    {"-", "-", "-", "-", "-", "-", "-",  // succeeded
     "-", "-", "-", "-", "-", "-", "job ended"},
    // succeeded by its hedge: what the cancelled first attempt (this row's) reports is taken
    {"-", "-", "-", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED",  //
     "-", "-", "-", "-", "-", "-", "job ended"},
    {"-", "-", "-", "-", "-", "-", "-",  // failed
     "-", "-", "-", "-", "-", "-", "job ended"},
    {"-", "-", "-", "-", "-", "-", "-",  // cancelled
     "-", "-", "-", "-", "-", "-", "-"},
    {"-", "-", "-", "-", "-", "-", "-",  // ended by another task
     "-", "-", "-", "-", "-", "-", "-"},
};

TEST(JobMachineTableTest, EveryTaskStateMeetsEveryEvent) {
  const std::vector<Situation> situations = Situations();
  ASSERT_EQ(situations.size(), kExpected.size());
  for (size_t row = 0; row < situations.size(); ++row) {
    for (size_t column = 0; column <= static_cast<size_t>(Kind::kLast); ++column) {
      SCOPED_TRACE(absl::StrCat(situations[row].name, " × event ", column));
      JobDriver job(MakeJob(1, 2));
      job.Restart();  // epoch 2, so that there can be an earlier owner
      // The last attempt that the task had before the event.
      situations[row].reach(job);
      AttemptRef ref = job.ref(0);
      if (ref.attempt == 0) ref = {job.machine().id(), 0, 1, 2};
      job.Apply(MakeEvent(static_cast<Kind>(column), ref));
      const bool stale = job.machine().stale_events() > 0;
      EXPECT_EQ(stale ? "-" : Shown(job), kExpected[row][column]);
    }
  }
}

TEST(JobMachineTableTest, AnAttemptThatIsNotTheCurrentOneIsStaleInEveryState) {
  const auto wrong = [](const AttemptRef& ref) {
    return std::vector<AttemptRef>{
        {JobId("other"), ref.task, ref.attempt, ref.epoch}, {ref.job, 1'000'000, 1, ref.epoch},
        {ref.job, ref.task, ref.attempt + 7, ref.epoch},    {ref.job, ref.task, 0, ref.epoch},
        {ref.job, ref.task, ref.attempt, ref.epoch + 1},    {ref.job, 2, 1, ref.epoch},
    };
  };
  for (const Situation& situation : Situations()) {
    for (size_t kind = 0; kind < static_cast<size_t>(Kind::kCancel); ++kind) {
      // These name their attempt themselves.
      if (static_cast<Kind>(kind) == Kind::kAdoptedOld) continue;
      if (static_cast<Kind>(kind) >= Kind::kHedgeDispatched) continue;
      SCOPED_TRACE(absl::StrCat(situation.name, " × event ", kind));
      JobDriver job(MakeJob(1, 2));
      job.Restart();
      situation.reach(job);
      const std::string before = Shown(job);
      uint64_t count = 0;
      for (const AttemptRef& ref : wrong(job.ref(0))) {
        // From an earlier owner this would be a legitimate adoption.
        if (static_cast<Kind>(kind) == Kind::kAdoptedOwn && ref.epoch < job.epoch()) continue;
        if (ref.job.empty()) continue;
        job.Apply(MakeEvent(static_cast<Kind>(kind), ref));
        EXPECT_EQ(job.machine().stale_events(), ++count);
      }
      EXPECT_EQ(Shown(job), before);
    }
  }
}

struct JobSituation {
  JobState state;
  std::function<void(JobDriver&)> reach;
};

TEST(JobMachineTableTest, EveryJobStateMeetsEveryEvent) {
  const std::vector<JobSituation> situations = {
      {JobState::kQueued, [](JobDriver&) {}},
      {JobState::kRunning, [](JobDriver& job) { job.Dispatch(0); }},
      {JobState::kSucceeded, [](JobDriver& job) { job.FinishStage("x"); }},
      {JobState::kFailed,
       [](JobDriver& job) {
         job.Dispatch(0);
         job.Fail(0, ErrorCode::kInvalidRequest);
       }},
      {JobState::kCancelled, [](JobDriver& job) { job.Cancel(); }},
  };
  // A plain call, so that the task's end is the job's. "-" is stale.
  const std::vector<std::vector<std::string>> expected = {
      {"RUNNING", "RUNNING", "-", "-", "-", "-", "-", "-", "QUEUED", "-", "-", "-", "-",
       "CANCELLED"},
      {"-", "-", "RUNNING", "SUCCEEDED", "FAILED", "RUNNING", "RUNNING", "RUNNING", "-", "-", "-",
       "-", "-", "CANCELLED"},
      std::vector<std::string>(14, "-"),
      std::vector<std::string>(14, "-"),
      std::vector<std::string>(14, "-"),
  };
  for (size_t row = 0; row < situations.size(); ++row) {
    for (size_t column = 0; column <= static_cast<size_t>(Kind::kLast); ++column) {
      SCOPED_TRACE(absl::StrCat(JobStateName(situations[row].state), " × event ", column));
      JobDriver job(MakeJob(0, 0));
      job.Restart();
      const AttemptRef ref = job.ref(0);
      situations[row].reach(job);
      ASSERT_EQ(job.machine().state(), situations[row].state);
      job.Apply(MakeEvent(static_cast<Kind>(column), ref));
      const bool stale = job.machine().stale_events() > 0;
      EXPECT_EQ(stale ? "-" : JobStateName(job.machine().state()), expected[row][column]);
      if (stale) {
        EXPECT_EQ(job.machine().state(), situations[row].state);
      }
    }
  }
}

TEST(JobMachineTableTest, TimeActsOnUnfinishedJobsOnly) {
  for (const Situation& situation : Situations()) {
    SCOPED_TRACE(situation.name);
    JobDriver job(MakeJob(1, 2));
    job.Restart();
    situation.reach(job);
    const bool ended = job.machine().ended();
    const size_t records = job.records().size();
    job.Wait(absl::Hours(1));
    EXPECT_TRUE(job.machine().ended());
    EXPECT_EQ(job.records().size(), ended ? records : records + 1);
  }
}

}  // namespace
}  // namespace moa
