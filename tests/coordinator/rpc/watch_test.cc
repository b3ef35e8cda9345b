#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/coordinator/rpc/fake_worker.h"
#include "tests/coordinator/rpc/test_coordinator.h"

namespace moa {
namespace {

using testing::HasSubstr;

// One WatchJob call, read message by message.
class Watcher {
 public:
  Watcher(TestCoordinator& coordinator, const std::string& id, uint64_t after = 0,
          bool progress = false, bool answer_only = false)
      : context_(TestContext()) {
    v1::WatchJobRequest request;
    request.set_job_id(id);
    request.set_after_sequence(after);
    request.set_progress(progress);
    request.set_answer_only(answer_only);
    stream_ = coordinator.jobs().WatchJob(context_.get(), request);
  }
  ~Watcher() {
    if (finished_) return;
    context_->TryCancel();
    stream_->Finish();
  }

  v1::WatchUpdate Next() {
    v1::WatchUpdate update;
    EXPECT_TRUE(Read(&update)) << "the watch ended early";
    return update;
  }
  // Skips what is not a delta.
  v1::TaskDelta NextDelta() {
    v1::WatchUpdate update;
    while (!update.has_task_delta() && Read(&update)) {
    }
    EXPECT_TRUE(update.has_task_delta());
    return update.task_delta();
  }
  std::vector<v1::JobEvent> Rest() {
    std::vector<v1::JobEvent> events;
    v1::WatchUpdate update;
    while (Read(&update)) {
      if (update.has_event()) events.push_back(update.event());
    }
    return events;
  }
  grpc::Status Finish() {
    finished_ = true;
    return stream_->Finish();
  }

 private:
  bool Read(v1::WatchUpdate* update) {
    if (next_ == response_.updates_size()) {
      next_ = 0;
      if (!stream_->Read(&response_)) {
        response_.Clear();
        return false;
      }
    }
    *update = response_.updates(next_++);
    return true;
  }

  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchJobResponse>> stream_;
  v1::WatchJobResponse response_;
  int next_ = 0;  // of response_'s updates
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

TEST(WatchTest, TextOfSeveralTasksComesAtOnce) {
  TestCoordinator coordinator;
  const std::string id = coordinator.Submit(SmallJob(2));
  Watcher watcher(coordinator, id, 0, true);
  watcher.Next();  // the watch stands
  FakeWorker worker(coordinator.workers(), {});
  const std::vector<v1::RunTask> tasks = {worker.NextRun(), worker.NextRun()};
  worker.Deltas(tasks, 0, "Hello");
  worker.Deltas(tasks, 5, ", world");
  std::map<uint32_t, std::string> texts;
  for (int i = 0; i < 4; ++i) {
    const v1::TaskDelta delta = watcher.NextDelta();
    EXPECT_EQ(delta.content_offset(), texts[delta.task().index()].size());
    texts[delta.task().index()] += delta.content();
  }
  EXPECT_THAT(texts, testing::UnorderedElementsAre(
                         testing::Pair(tasks[0].ref().task_index(), "Hello, world"),
                         testing::Pair(tasks[1].ref().task_index(), "Hello, world")));
}

// What the others say is not even sent to the coordinator.
TEST(WatchTest, WhoWantsTheAnswerAloneGetsTheAggregatorsTextAlone) {
  TestCoordinator coordinator;
  const std::string id = coordinator.Submit(SmallJob(2));
  Watcher watcher(coordinator, id, 0, true, true);
  watcher.Next();  // the watch stands
  FakeWorker worker(coordinator.workers(), {});
  for (int i = 0; i < 2; ++i) {
    const v1::RunTask task = worker.NextRun();
    EXPECT_FALSE(task.stream_deltas());
    worker.Delta(task, 0, "of no use");  // of a worker that says it all the same
    worker.Succeed(task, "an answer");
  }
  const v1::RunTask task = worker.NextRun();
  EXPECT_TRUE(task.stream_deltas());
  worker.Delta(task, 0, "The answer");
  int started = 0;
  v1::WatchUpdate update = watcher.Next();
  for (; !update.has_task_delta(); update = watcher.Next()) started += update.has_task_started();
  EXPECT_EQ(started, 3);
  EXPECT_EQ(update.task_delta().content(), "The answer");
  worker.Succeed(task, "The answer");
  EXPECT_EQ(watcher.Rest().back().ended().state(), v1::JOB_STATE_SUCCEEDED);
}

TEST(WatchTest, TextIsForwardedWhileSomebodyWantsIt) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  const std::string id = coordinator.Submit(SmallJob(2));
  const std::vector<v1::RunTask> agents = {worker.NextRun(), worker.NextRun()};
  Watcher answer(coordinator, id, 0, true, true);
  answer.Next();
  {
    Watcher all(coordinator, id, 0, true);
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(worker.NextStreamDeltas().on());
    worker.Delta(agents[0], 0, "Hm");
    EXPECT_EQ(all.NextDelta().content(), "Hm");
  }
  // Also that of the one which had not said anything yet.
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(worker.NextStreamDeltas().on());
  for (const v1::RunTask& agent : agents) worker.Succeed(agent, "an answer");
  const v1::RunTask aggregator = worker.NextRun();
  EXPECT_TRUE(aggregator.stream_deltas());
  worker.Delta(aggregator, 0, "So");
  EXPECT_EQ(answer.NextDelta().content(), "So");
  Watcher late(coordinator, id, 0, true);
  EXPECT_EQ(late.NextDelta().content(), "So");
  worker.Delta(aggregator, 2, " be it");
  EXPECT_EQ(answer.NextDelta().content(), " be it");
  EXPECT_EQ(late.NextDelta().content(), " be it");
}

TEST(WatchTest, ATaskDispatchedWhileSomebodyWatchesStreamsFromItsStart) {
  TestCoordinator coordinator;
  const std::string id = coordinator.Submit(SmallJob(0));
  Watcher watcher(coordinator, id, 0, true);
  watcher.Next();  // the watch stands
  FakeWorker worker(coordinator.workers(), {});
  const v1::RunTask task = worker.NextRun();
  EXPECT_TRUE(task.stream_deltas());
  v1::WatchUpdate update = watcher.Next();
  while (!update.has_task_started()) update = watcher.Next();
  EXPECT_EQ(update.task_started().worker(), "worker-1");
  EXPECT_EQ(update.task_started().attempt(), 1u);
}

// Events that follow each other quickly share a message; none is lost, repeated or out of order.
TEST(WatchTest, AFastJobsEventsComeInFewMessages) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  const std::string id = coordinator.Submit(SmallJob(8));
  v1::WatchJobRequest request;
  request.set_job_id(id);
  Finish(worker, SmallJob(8));
  coordinator.Wait(id);
  const auto context = TestContext();
  const auto stream = coordinator.jobs().WatchJob(context.get(), request);
  std::vector<v1::JobEvent> events;
  int messages = 0;
  for (v1::WatchJobResponse response; stream->Read(&response); ++messages) {
    for (const v1::WatchUpdate& update : response.updates()) events.push_back(update.event());
  }
  EXPECT_TRUE(stream->Finish().ok());
  ExpectWholeHistory(events, 1);
  EXPECT_LT(messages, static_cast<int>(events.size()));
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

TEST(WatchTest, AJobIsCancelledWithItsWatcherWhereThatWasAskedFor) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  const std::string id = coordinator.Submit(SmallJob(1));
  const v1::RunTask task = worker.NextRun();
  {
    v1::WatchJobRequest request;
    request.set_job_id(id);
    request.set_cancel_on_disconnect(true);
    const auto context = TestContext();
    const auto stream = coordinator.jobs().WatchJob(context.get(), request);
    v1::WatchJobResponse response;
    EXPECT_TRUE(stream->Read(&response));
    context->TryCancel();
    stream->Finish();
  }
  EXPECT_EQ(worker.NextCancel().task_index(), task.ref().task_index());
  const v1::Job job = coordinator.Wait(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_THAT(job.error().message(), HasSubstr("disconnected"));
}

// Whose client leaves while text streams in: pieces are on their way to it until the last moment.
TEST(WatchTest, AJobIsCancelledWithAWatcherThatLeavesInMidStream) {
  TestCoordinator coordinator;
  for (int round = 0; round < 20; ++round) {
    FakeWorker worker(coordinator.workers(), {.id = absl::StrCat("worker-", round)});
    const std::string id = coordinator.Submit(SmallJob(0));
    const v1::RunTask task = worker.NextRun();
    v1::WatchJobRequest request;
    request.set_job_id(id);
    request.set_progress(true);
    request.set_cancel_on_disconnect(true);
    const auto context = TestContext();
    const auto stream = coordinator.jobs().WatchJob(context.get(), request);
    EXPECT_TRUE(worker.NextStreamDeltas().on());
    std::atomic<bool> cancelled = false;
    std::thread streaming([&] {
      for (uint64_t offset = 0; !cancelled && offset < 100'000; ++offset) {
        worker.Delta(task, offset, "x");
        absl::SleepFor(absl::Microseconds(20));  // so that nothing piles up before the cancelling
      }
    });
    v1::WatchJobResponse response;
    while (stream->Read(&response) && !response.updates().rbegin()->has_task_delta()) {
    }
    context->TryCancel();
    stream->Finish();
    EXPECT_EQ(worker.NextCancel().job_id(), id);
    cancelled = true;
    streaming.join();
    EXPECT_EQ(coordinator.Wait(id).state(), v1::JOB_STATE_CANCELLED);
  }
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
