#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/coordinator/rpc/fake_worker.h"
#include "tests/coordinator/rpc/test_coordinator.h"

namespace moa {
namespace {

using testing::HasSubstr;

v1::HeldAttempt Holding(const v1::RunTask& task) {
  v1::HeldAttempt held;
  *held.mutable_ref() = task.ref();
  held.set_input_hash(task.input_hash());
  return held;
}

std::string Bytes(const v1::AttemptRef& ref) { return ref.SerializeAsString(); }

// A worker may forget a result once it is on disk, and a failed attempt that will be made again at once.
TEST(WorkerHubTest, TellsTheWorkerWhichResultsAreDurable) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  coordinator.Submit(SmallJob(1));
  const v1::RunTask task = worker.NextRun();
  worker.Fail(task, v1::ERROR_CODE_WORKER_LOST, true);
  EXPECT_EQ(Bytes(worker.NextDurable()), Bytes(task.ref()));
  const v1::RunTask again = worker.NextRun();
  EXPECT_EQ(again.ref().attempt(), 2u);
  worker.Succeed(again, "an answer");
  EXPECT_EQ(Bytes(worker.NextDurable()), Bytes(again.ref()));
}

TEST(WorkerHubTest, RedispatchesToAnotherWorkerWhenTheStreamBreaks) {
  TestCoordinator coordinator;
  auto first = std::make_unique<FakeWorker>(coordinator.workers(), FakeWorker::Options{.id = "a"});
  const std::string id = coordinator.Submit(SmallJob(0));
  const v1::RunTask task = first->NextRun();
  FakeWorker second(coordinator.workers(), {.id = "b"});
  first.reset();
  const v1::RunTask again = second.NextRun();
  EXPECT_EQ(again.ref().task_index(), task.ref().task_index());
  EXPECT_NE(Bytes(again.ref()), Bytes(task.ref()));
  EXPECT_EQ(again.input_hash(), task.input_hash());
  second.Succeed(again, "done");
  const v1::Job job = coordinator.Wait(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(job.layers(0).tasks(0).worker(), "b");
  EXPECT_EQ(job.layers(0).tasks(0).attempts(), 2u);
}

// It beats, but its calls stand still.
TEST(WorkerHubTest, AWorkerNoneOfWhoseCallsMovesLosesThemAndIsTriedWithOne) {
  TestCoordinator coordinator(
      {.reconnect_grace = absl::ZeroDuration(), .deaf_limit = absl::Milliseconds(300)});
  FakeWorker deaf(coordinator.workers(), {.id = "a"});
  const std::string id = coordinator.Submit(SmallJob(0));
  deaf.NextRun();
  {
    FakeWorker other(coordinator.workers(), {.id = "b"});
    other.Succeed(other.NextRun(), "done");
    EXPECT_EQ(coordinator.Wait(id).layers(0).tasks(0).worker(), "b");
  }
  EXPECT_THAT(deaf.Finish().error_message(), testing::HasSubstr("moved"));
  FakeWorker again(coordinator.workers(), {.id = "a"});
  const std::string next = coordinator.Submit(SmallJob(2));
  const v1::RunTask first = again.NextRun();
  v1::ListWorkersResponse workers;
  ASSERT_TRUE(coordinator.jobs().ListWorkers(TestContext().get(), {}, &workers).ok());
  ASSERT_EQ(workers.workers_size(), 1);
  EXPECT_EQ(workers.workers(0).slots_used(), 1u) << "of two that are ready";
  again.Succeed(first, "one");
  again.Succeed(again.NextRun(), "two");
  again.Succeed(again.NextRun(), "three");
  EXPECT_EQ(coordinator.Wait(next).state(), v1::JOB_STATE_SUCCEEDED);
}

// The stream broke, the call did not: the worker names it on reconnect and goes on with it.
TEST(WorkerHubTest, ARunningAttemptIsAdoptedOnReconnect) {
  TestCoordinator coordinator({.reconnect_grace = absl::Seconds(40)});
  auto worker = std::make_unique<FakeWorker>(coordinator.workers(), FakeWorker::Options{});
  const std::string id = coordinator.Submit(SmallJob(0));
  const v1::RunTask task = worker->NextRun();
  worker.reset();
  worker = std::make_unique<FakeWorker>(coordinator.workers(),
                                        FakeWorker::Options{.held = {Holding(task)}});
  ASSERT_EQ(worker->welcome().keep_size(), 1);
  EXPECT_EQ(Bytes(worker->welcome().keep(0)), Bytes(task.ref()));
  worker->Succeed(task, "done");
  const v1::Job job = coordinator.Wait(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(job.usage().upstream_calls(), 1u);
}

// The same over a restart of the coordinator, which has lost all but what was on disk.
TEST(WorkerHubTest, ACoordinatorRestartKeepsRunningCalls) {
  TestCoordinator coordinator({.adoption_grace = absl::Seconds(40)});
  v1::RunTask task;
  std::string id;
  {
    FakeWorker worker(coordinator.workers(), {});
    id = coordinator.Submit(SmallJob(1));
    worker.Succeed(worker.NextRun(), "of the first layer");
    task = worker.NextRun();
    coordinator.Restart();
  }
  FakeWorker worker(coordinator.workers(), {.held = {Holding(task)}});
  ASSERT_EQ(worker.welcome().keep_size(), 1);
  worker.Succeed(task, "done");
  const v1::Job job = coordinator.Wait(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(job.answer().content(), "done");
  EXPECT_EQ(job.layers(0).tasks(0).completion().content(), "of the first layer");
}

// A result that was finished while there was no coordinator to tell is taken from Hello.
TEST(WorkerHubTest, AFinishedResultIsTakenFromHello) {
  TestCoordinator coordinator({.reconnect_grace = absl::Seconds(40)});
  auto worker = std::make_unique<FakeWorker>(coordinator.workers(), FakeWorker::Options{});
  const std::string id = coordinator.Submit(SmallJob(0));
  const v1::RunTask task = worker->NextRun();
  worker.reset();
  v1::HeldAttempt held = Holding(task);
  *held.mutable_finished()->mutable_ref() = task.ref();
  held.mutable_finished()->mutable_completion()->set_content("done meanwhile");
  held.mutable_finished()->mutable_completion()->set_finish_reason("stop");
  worker = std::make_unique<FakeWorker>(coordinator.workers(), FakeWorker::Options{.held = {held}});
  EXPECT_EQ(worker->welcome().keep_size(), 1);
  EXPECT_EQ(Bytes(worker->NextDurable()), Bytes(task.ref()));
  EXPECT_EQ(coordinator.Wait(id).answer().content(), "done meanwhile");
}

// An attempt that answers another prompt than the one on record must not be taken.
TEST(WorkerHubTest, AnAttemptWithAnotherInputIsDropped) {
  TestCoordinator coordinator({.reconnect_grace = absl::Milliseconds(1)});
  auto worker = std::make_unique<FakeWorker>(coordinator.workers(), FakeWorker::Options{});
  const std::string id = coordinator.Submit(SmallJob(0));
  const v1::RunTask task = worker->NextRun();
  worker.reset();
  v1::HeldAttempt held = Holding(task);
  held.set_input_hash("something else");
  v1::HeldAttempt nobodys = Holding(task);
  nobodys.mutable_ref()->set_job_id("01ARZ3NDEKTSV4RRFFQ69G5FAV");
  v1::HeldAttempt beyond = Holding(task);
  beyond.mutable_ref()->set_task_index(4'000'000'000);
  worker = std::make_unique<FakeWorker>(coordinator.workers(),
                                        FakeWorker::Options{.held = {held, nobodys, beyond}});
  EXPECT_EQ(worker->welcome().keep_size(), 0);
  worker->Succeed(worker->NextRun(), "done");
  EXPECT_EQ(coordinator.Wait(id).state(), v1::JOB_STATE_SUCCEEDED);
}

// A worker that reconnects before its old stream is known to be broken takes the old one's place.
TEST(WorkerHubTest, ASecondStreamOfAWorkerReplacesTheFirst) {
  TestCoordinator coordinator({.reconnect_grace = absl::Seconds(40)});
  FakeWorker first(coordinator.workers(), {});
  const std::string id = coordinator.Submit(SmallJob(0));
  const v1::RunTask task = first.NextRun();
  FakeWorker second(coordinator.workers(), {.held = {Holding(task)}});
  EXPECT_EQ(second.welcome().keep_size(), 1);
  EXPECT_EQ(first.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  second.Succeed(task, "done");
  EXPECT_EQ(coordinator.Wait(id).state(), v1::JOB_STATE_SUCCEEDED);
}

// A long conversation is sent to a worker once, however many agents get it.
TEST(WorkerHubTest, BigTextsTravelOnce) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  const std::string prompt(200'000, 'x');
  const std::string id = coordinator.Submit(SmallJob(5, prompt));
  for (int i = 0; i < 5; ++i) {
    const v1::RunTask task = worker.NextRun();
    EXPECT_LT(task.ByteSizeLong(), 1000u);
    EXPECT_EQ(worker.PromptOf(task), prompt);
    worker.Succeed(task, "short");
  }
  EXPECT_EQ(worker.contexts(), 1);
  worker.Succeed(worker.NextRun(), "done");
  EXPECT_EQ(coordinator.Wait(id).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST(WorkerHubTest, AWorkersSlotsAreNeverExceeded) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {.slots = 1});
  coordinator.Submit(SmallJob(3));
  const v1::RunTask first = worker.NextRun();
  v1::ListWorkersResponse response;
  ASSERT_TRUE(coordinator.jobs().ListWorkers(TestContext().get(), {}, &response).ok());
  ASSERT_EQ(response.workers_size(), 1);
  EXPECT_EQ(response.workers(0).slots_used(), 1u);
  worker.Succeed(first, "an answer");
  const v1::RunTask second = worker.NextRun();
  EXPECT_NE(second.ref().task_index(), first.ref().task_index());
}

TEST(WorkerHubTest, ADrainingWorkerGetsNothingNew) {
  TestCoordinator coordinator;
  FakeWorker draining(coordinator.workers(), {.id = "a", .slots = 100});
  v1::WorkerMessage message;
  message.mutable_status()->set_slots(100);
  message.mutable_status()->set_draining(true);
  draining.Send(message);
  FakeWorker other(coordinator.workers(), {.id = "b"});
  // The status has been read once the coordinator shows it.
  v1::ListWorkersResponse response;
  do {
    response.Clear();
    ASSERT_TRUE(coordinator.jobs().ListWorkers(TestContext().get(), {}, &response).ok());
  } while (!response.workers(0).draining());
  coordinator.Submit(SmallJob(0));
  EXPECT_EQ(other.NextRun().ref().attempt(), 1u);
}

TEST(WorkerHubTest, AStreamMustBeginWithHello) {
  TestCoordinator coordinator;
  const auto context = TestContext();
  const auto stream = coordinator.workers().Connect(context.get());
  v1::WorkerMessage message;
  message.mutable_heartbeat();
  stream->Write(message);
  v1::CoordinatorMessage answer;
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_THAT(stream->Finish().error_message(), HasSubstr("Hello"));
}

// Reports about attempts that nobody made, or that somebody else makes, change nothing.
TEST(WorkerHubTest, AForeignReportIsIgnored) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {.id = "a"});
  const std::string id = coordinator.Submit(SmallJob(0));
  const v1::RunTask task = worker.NextRun();
  FakeWorker stranger(coordinator.workers(), {.id = "b"});
  stranger.Succeed(task, "forged");
  EXPECT_EQ(Bytes(stranger.NextDurable()), Bytes(task.ref()));
  v1::RunTask invented = task;
  invented.mutable_ref()->set_task_index(4'000'000'000);
  stranger.Succeed(invented, "forged");
  EXPECT_EQ(Bytes(stranger.NextDurable()), Bytes(invented.ref()));
  worker.Succeed(task, "genuine");
  EXPECT_EQ(coordinator.Wait(id).answer().content(), "genuine");
}

TEST(WorkerHubTest, AWrongKeyEndsTheJobAtOnceAndSaysSo) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  const std::string id = coordinator.Submit(SmallJob(3));
  const v1::RunTask task = worker.NextRun();
  worker.Fail(task, v1::ERROR_CODE_UNAUTHORIZED, false);
  const v1::Job job = coordinator.Wait(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(job.error().code(), v1::ERROR_CODE_UNAUTHORIZED);
  EXPECT_EQ(job.usage().upstream_calls(), 3u);
}

}  // namespace
}  // namespace moa
