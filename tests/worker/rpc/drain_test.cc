#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "common/base/status_matchers.h"
#include "tests/worker/rpc/fake_hub.h"
#include "tests/worker/rpc/worker_rig.h"

namespace moa::worker {
namespace {

using testing::HasSubstr;

class DrainTest : public testing::Test {
 protected:
  void StartWorker(absl::Duration drain_timeout, absl::Duration settle_timeout) {
    WorkerOptions options = RigOptions({hub_.address()}, provider_);
    options.drain_timeout = drain_timeout;
    options.settle_timeout = settle_timeout;
    auto worker = Worker::Create(options, registry_);
    ASSERT_OK(worker);
    worker_ = *std::move(worker);
    worker_->Start();
    session_ = hub_.NextSession();
    session_->Welcome();
    session_->Run(MakeTask(1, "hold one"));
    ASSERT_TRUE(provider_.WaitForRequests(1));
  }
  void DrainAndWaitForStatus() {
    worker_->Drain();
    while (!session_->NextStatus().draining()) {
    }
  }
  bool IsDrained(std::chrono::milliseconds limit) {
    if (!drained_.valid()) {
      drained_ = std::async(std::launch::async, [this] { worker_->WaitUntilDrained(); });
    }
    return drained_.wait_for(limit) == std::future_status::ready;
  }

  FakeHub hub_;
  ScriptedProvider provider_;
  prometheus::Registry registry_;
  std::unique_ptr<Worker> worker_;
  std::shared_ptr<HubSession> session_;
  std::future<void> drained_;
};

TEST_F(DrainTest, FinishesWhatRunsTakesNothingNewAndLeavesOnceItIsDurable) {
  StartWorker(absl::Minutes(5), absl::Minutes(5));
  DrainAndWaitForStatus();
  EXPECT_THAT(std::string(worker_->Ready().message()), HasSubstr("draining"));
  session_->Run(MakeTask(2, "echo two"));
  const v1::AttemptFinished refused = session_->NextFinished();
  EXPECT_EQ(refused.error().error().code(), v1::ERROR_CODE_WORKER_LOST);
  provider_.Release();
  EXPECT_EQ(session_->NextFinished().completion().content(), "one");
  EXPECT_FALSE(IsDrained(std::chrono::milliseconds(20))) << "the result is not durable yet";
  session_->Durable(MakeRef(1));
  EXPECT_TRUE(IsDrained(std::chrono::seconds(20)));
  EXPECT_TRUE(session_->WaitUntilEnded());
}

TEST_F(DrainTest, HandsBackWhatStillRunsAtTheTimeout) {
  StartWorker(absl::Milliseconds(50), absl::Milliseconds(50));
  worker_->Drain();
  const v1::AttemptFinished finished = session_->NextFinished();
  EXPECT_EQ(finished.ref().task_index(), 1u);
  EXPECT_EQ(finished.error().error().code(), v1::ERROR_CODE_WORKER_LOST);
  EXPECT_TRUE(finished.error().retryable());
  EXPECT_TRUE(provider_.WaitForAbandoned(1));
  EXPECT_TRUE(IsDrained(std::chrono::seconds(20)));
}

TEST_F(DrainTest, LeavesAfterAWhileWhenNobodyConfirmsTheResult) {
  StartWorker(absl::Minutes(5), absl::Milliseconds(100));
  worker_->Drain();
  provider_.Release();
  EXPECT_EQ(session_->NextFinished().completion().content(), "one");
  EXPECT_TRUE(IsDrained(std::chrono::seconds(20)));
}

TEST_F(DrainTest, DestructionWithARunningCallLeavesAtOnce) {
  StartWorker(absl::Minutes(5), absl::Minutes(5));
  worker_.reset();
  EXPECT_TRUE(provider_.WaitForAbandoned(1));
  EXPECT_TRUE(session_->WaitUntilEnded());
}

TEST(WorkerTest, CanBeDestroyedWithoutHavingStarted) {
  ScriptedProvider provider;
  prometheus::Registry registry;
  EXPECT_OK(Worker::Create(RigOptions({"127.0.0.1:1"}, provider), registry).status());
}

TEST(WorkerTest, RefusesOptionsThatCannotWork) {
  ScriptedProvider provider;
  prometheus::Registry registry;
  WorkerOptions options = RigOptions({"127.0.0.1:1"}, provider);
  options.tls.ca = "/nonexistent/ca.pem";
  EXPECT_THAT(Worker::Create(options, registry).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/ca.pem")));
}

}  // namespace
}  // namespace moa::worker
