#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/coordinator/rpc/fake_worker.h"
#include "tests/coordinator/rpc/test_coordinator.h"

namespace moa {
namespace {

using testing::HasSubstr;

// One WatchJob call, read message by message.
class Watcher {
 public:
  Watcher(TestCoordinator& coordinator, const std::string& id, uint64_t after = 0,
          bool progress = false)
      : context_(TestContext()) {
    v1::WatchJobRequest request;
    request.set_job_id(id);
    request.set_after_sequence(after);
    request.set_progress(progress);
    stream_ = coordinator.jobs().WatchJob(context_.get(), request);
  }
  ~Watcher() {
    if (finished_) return;
    context_->TryCancel();
    stream_->Finish();
  }

  v1::WatchJobResponse Next() {
    v1::WatchJobResponse response;
    EXPECT_TRUE(stream_->Read(&response)) << "the watch ended early";
    return response;
  }
  // Skips what is not a delta.
  v1::TaskDelta NextDelta() {
    v1::WatchJobResponse response;
    while (!response.has_task_delta() && stream_->Read(&response)) {
    }
    EXPECT_TRUE(response.has_task_delta());
    return response.task_delta();
  }
  std::vector<v1::JobEvent> Rest() {
    std::vector<v1::JobEvent> events;
    v1::WatchJobResponse response;
    while (stream_->Read(&response)) {
      if (response.has_event()) events.push_back(response.event());
    }
    return events;
  }
  grpc::Status Finish() {
    finished_ = true;
    return stream_->Finish();
  }

 private:
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchJobResponse>> stream_;
  bool finished_ = false;
};

void Finish(FakeWorker& worker, const v1::JobSpec& job) {
  const int tasks = (job.moa().layers_size() > 0 ? job.moa().layers(0).agents_size() : 0) + 1;
  for (int i = 0; i < tasks; ++i) worker.Succeed(worker.NextRun(), "an answer");
}

void ExpectWholeHistory(const std::vector<v1::JobEvent>& events, uint64_t first) {
  ASSERT_FALSE(events.empty());
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].sequence(), first + i);
  EXPECT_TRUE(events.back().has_ended());
}

TEST(WatchTest, FollowsAJobFromItsAcceptanceToItsEnd) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  const std::string id = coordinator.Submit(SmallJob(2));
  Watcher watcher(coordinator, id);
  EXPECT_TRUE(watcher.Next().event().has_accepted());
  Finish(worker, SmallJob(2));
  ExpectWholeHistory(watcher.Rest(), 2);
  EXPECT_TRUE(watcher.Finish().ok());
}

// Whoever comes late or comes back gets what is missing, from memory or from the store, and no more.
TEST(WatchTest, ReplaysAnEndedJobFromAnySequence) {
  TestCoordinator coordinator;
  std::string id;
  {
    FakeWorker worker(coordinator.workers(), {});
    id = coordinator.Submit(SmallJob(1));
    Finish(worker, SmallJob(1));
    coordinator.Wait(id);
  }
  for (const uint64_t after : {0, 1, 3}) {
    Watcher watcher(coordinator, id, after);
    ExpectWholeHistory(watcher.Rest(), after + 1);
    EXPECT_TRUE(watcher.Finish().ok());
  }
  const uint64_t last = coordinator.Get(id).last_sequence();
  Watcher at_the_end(coordinator, id, last);
  EXPECT_TRUE(at_the_end.Rest().empty());
  EXPECT_TRUE(at_the_end.Finish().ok());
}

TEST(WatchTest, AWatchOfAnUnknownJobIsNotFound) {
  TestCoordinator coordinator;
  Watcher watcher(coordinator, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
  EXPECT_TRUE(watcher.Rest().empty());
  EXPECT_EQ(watcher.Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

// The first watcher turns the deltas on; a later one gets the whole text so far and then follows.
TEST(WatchTest, ALateWatcherGetsTheTextSoFar) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  const std::string id = coordinator.Submit(SmallJob(0));
  const v1::RunTask task = worker.NextRun();
  EXPECT_FALSE(task.stream_deltas());
  Watcher first(coordinator, id, 0, true);
  EXPECT_TRUE(worker.NextStreamDeltas().on());
  worker.Delta(task, 0, "Hello, ");
  EXPECT_EQ(first.NextDelta().content(), "Hello, ");

  Watcher late(coordinator, id, 0, true);
  const v1::TaskDelta so_far = late.NextDelta();
  EXPECT_EQ(so_far.content(), "Hello, ");
  EXPECT_EQ(so_far.content_offset(), 0u);
  EXPECT_EQ(so_far.attempt(), 1u);
  worker.Delta(task, 7, "world");
  for (Watcher* watcher : {&first, &late}) {
    const v1::TaskDelta more = watcher->NextDelta();
    EXPECT_EQ(more.content(), "world");
    EXPECT_EQ(more.content_offset(), 7u);
  }
  worker.Succeed(task, "Hello, world");
  EXPECT_EQ(first.Rest().back().ended().state(), v1::JOB_STATE_SUCCEEDED);
}

TEST(WatchTest, ATaskDispatchedWhileSomebodyWatchesStreamsFromItsStart) {
  TestCoordinator coordinator;
  const std::string id = coordinator.Submit(SmallJob(0));
  Watcher watcher(coordinator, id, 0, true);
  watcher.Next();  // the watch stands
  FakeWorker worker(coordinator.workers(), {});
  const v1::RunTask task = worker.NextRun();
  EXPECT_TRUE(task.stream_deltas());
  v1::WatchJobResponse response = watcher.Next();
  while (!response.has_task_started()) response = watcher.Next();
  EXPECT_EQ(response.task_started().worker(), "worker-1");
  EXPECT_EQ(response.task_started().attempt(), 1u);
}

// The job does not depend on its watchers.
TEST(WatchTest, AJobGoesOnWhenItsWatcherLeaves) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  const std::string id = coordinator.Submit(SmallJob(1));
  {
    Watcher watcher(coordinator, id, 0, true);
    watcher.Next();
  }
  Finish(worker, SmallJob(1));
  EXPECT_EQ(coordinator.Wait(id).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST(WatchTest, TooManyWatchersAreRefused) {
  TestCoordinator coordinator({.watchers_max = 1});
  const std::string id = coordinator.Submit(SmallJob(1));
  Watcher first(coordinator, id);
  first.Next();
  Watcher second(coordinator, id);
  EXPECT_TRUE(second.Rest().empty());
  const grpc::Status status = second.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("too many watchers"));
}

// A coordinator that goes away sends its watchers off with what they need to come back.
TEST(WatchTest, AWatcherIsSentOffWhenTheCoordinatorShutsDown) {
  TestCoordinator coordinator;
  const std::string id = coordinator.Submit(SmallJob(1));
  const std::shared_ptr<grpc::Channel> channel = coordinator.channel();
  Watcher watcher(coordinator, id);
  EXPECT_EQ(watcher.Next().event().sequence(), 1u);
  coordinator.Restart();
  EXPECT_LE(watcher.Rest().size(), 1u);  // LayerStarted, if it had not been read yet
  EXPECT_EQ(watcher.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  Watcher again(coordinator, id, 1);
  EXPECT_EQ(again.Next().event().sequence(), 2u);
}

}  // namespace
}  // namespace moa
