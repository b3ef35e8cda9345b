// Histories that do not fit are refused with DATA_LOSS, never run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/status_matchers.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::HasSubstr;

using What = decltype(Record::what);

TaskResult Result(uint32_t task, TaskState state = TaskState::kSucceeded) {
  TaskResult result;
  result.task = task;
  result.state = state;
  return result;
}

// Replays `history`, numbered from 1; all but the last must fit.
absl::Status ReplayAll(const std::vector<What>& history) {
  JobMachine machine(JobId("j"), Compile(MakeJob(2, 2), {}), {.epoch = 1});
  Record record;
  for (size_t i = 0; i < history.size(); ++i) {
    record = {.sequence = i + 1, .time = absl::FromUnixSeconds(1), .what = history[i]};
    const absl::Status status = machine.Replay(record);
    if (i + 1 == history.size()) return status;
    EXPECT_OK(status) << i;
  }
  return absl::OkStatus();
}

TEST(ReplayTest, AHistoryBeginsWithAcceptedAndHasNoOther) {
  EXPECT_THAT(ReplayAll({LayerStarted{0}}), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(ReplayAll({JobAccepted{}, JobAccepted{}}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("job j: record 2 does not fit")));
}

TEST(ReplayTest, NumbersHaveNoGaps) {
  JobMachine machine(JobId("j"), Compile(MakeJob(0, 0), {}), {.epoch = 1});
  EXPECT_THAT(machine.Replay({.sequence = 2, .time = absl::UnixEpoch(), .what = JobAccepted{}}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("expected number 1")));
}

TEST(ReplayTest, StagesComeInOrder) {
  EXPECT_OK(ReplayAll({JobAccepted{}, LayerStarted{0}}));
  EXPECT_THAT(ReplayAll({JobAccepted{}, LayerStarted{1}}), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(ReplayAll({JobAccepted{}, LayerStarted{0}, LayerStarted{1}}),
              StatusIs(absl::StatusCode::kDataLoss));
  const TaskFinished good0{Result(0)};
  const TaskFinished good1{Result(1)};
  EXPECT_OK(ReplayAll({JobAccepted{}, LayerStarted{0}, good0, good1, LayerStarted{1}}));
  // The aggregator may come before its turn: what is left of the time or budget is for it.
  EXPECT_OK(ReplayAll({JobAccepted{}, LayerStarted{0}, good0, good1, LayerStarted{2}}));
  EXPECT_OK(ReplayAll({JobAccepted{}, LayerStarted{2}}));
  EXPECT_THAT(ReplayAll({JobAccepted{}, LayerStarted{0}, good0, LayerStarted{2}}),
              StatusIs(absl::StatusCode::kDataLoss));
  const TaskFinished bad0{Result(0, TaskState::kFailed)};
  const TaskFinished bad1{Result(1, TaskState::kFailed)};
  EXPECT_OK(ReplayAll({JobAccepted{}, LayerStarted{0}, bad0, bad1, LayerStarted{2}}));
  EXPECT_THAT(ReplayAll({JobAccepted{}, LayerStarted{0}, bad0, bad1, LayerStarted{3}}),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ReplayTest, OnlyTasksOfTheRunningStageFinishAndOnlyOnce) {
  for (const uint32_t task : {2u, 4u, 5u, 4'000'000'000u}) {
    EXPECT_THAT(ReplayAll({JobAccepted{}, LayerStarted{0}, TaskFinished{Result(task)}}),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  EXPECT_THAT(ReplayAll({JobAccepted{}, TaskFinished{Result(0)}}),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(
      ReplayAll({JobAccepted{}, LayerStarted{0}, TaskFinished{Result(0)}, TaskFinished{Result(0)}}),
      StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(
      ReplayAll({JobAccepted{}, LayerStarted{0}, TaskFinished{Result(0, TaskState::kRunning)}}),
      StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ReplayTest, AStageIsDegradedOnceAndWhenItHasEnded) {
  const TaskFinished bad{Result(0, TaskState::kFailed)};
  const TaskFinished good{Result(1)};
  EXPECT_THAT(ReplayAll({JobAccepted{}, LayerStarted{0}, bad, JobDegraded{}}),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_OK(ReplayAll({JobAccepted{}, LayerStarted{0}, bad, good, JobDegraded{}}));
  EXPECT_THAT(ReplayAll({JobAccepted{}, LayerStarted{0}, bad, good, JobDegraded{}, JobDegraded{}}),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ReplayTest, NothingComesAfterTheEnd) {
  EXPECT_THAT(ReplayAll({JobAccepted{}, JobEnded{.state = JobState::kRunning}}),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(ReplayAll({JobAccepted{}, JobEnded{.state = JobState::kFailed}, LayerStarted{0}}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("has ended")));
}

}  // namespace
}  // namespace moa
