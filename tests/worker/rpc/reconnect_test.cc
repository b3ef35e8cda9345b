#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/loop/mutex.h"
#include "tests/worker/rpc/fake_hub.h"
#include "tests/worker/rpc/worker_rig.h"
#include "tests/worker/upstream/scripted_server.h"

namespace moa::worker {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

// A host where nobody speaks gRPC: every connection is closed at once, and counted.
class AbsentCoordinator {
 public:
  AbsentCoordinator()
      : server_([this](upstream::ScriptedConnection&) {
          MutexLock lock(mutex_);
          ++tries_;
          changed_.NotifyAll();
        }) {}

  std::string address() const { return absl::StrCat("127.0.0.1:", server_.port()); }
  // Gives up after 20 s.
  bool WaitForTries(int count) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    MutexLock lock(mutex_);
    while (tries_ < count && absl::Now() < deadline) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
    return tries_ >= count;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int tries_ ABSL_GUARDED_BY(mutex_) = 0;
  upstream::ScriptedServer server_;  // last: its threads use all of the above
};

class ReconnectTest : public testing::Test {
 protected:
  ReconnectTest() : hub_(std::in_place) {}

  void StartWorker(WorkerOptions options) {
    auto worker = Worker::Create(options, registry_);
    ASSERT_OK(worker);
    worker_ = *std::move(worker);
    worker_->Start();
  }
  void StartWorker() { StartWorker(RigOptions({hub_->address()}, provider_)); }

  ScriptedProvider provider_;
  prometheus::Registry registry_;
  std::optional<FakeHub> hub_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(ReconnectTest, ABrokenStreamIsDialledAgainWithWhatRunsAndWhatIsNotDurable) {
  StartWorker();
  auto session = hub_->NextSession();
  session->Welcome();
  session->Run(MakeTask(1, "echo done"));
  EXPECT_EQ(session->NextFinished().ref().task_index(), 1u);
  session->Run(MakeTask(2, "hold running"));
  ASSERT_TRUE(provider_.WaitForRequests(2));
  session->Break();

  session = hub_->NextSession();
  ASSERT_THAT(session->hello().held(), SizeIs(2));
  const v1::HeldAttempt& done = session->hello().held(0);
  EXPECT_EQ(done.ref().task_index(), 1u);
  EXPECT_EQ(done.input_hash(), "hash-1");
  EXPECT_EQ(done.finished().completion().content(), "done");
  const v1::HeldAttempt& running = session->hello().held(1);
  EXPECT_EQ(running.ref().task_index(), 2u);
  EXPECT_FALSE(running.has_finished());

  session->Welcome({MakeRef(1), MakeRef(2)});
  provider_.Release();
  const v1::AttemptFinished finished = session->NextFinished();
  EXPECT_EQ(finished.ref().task_index(), 2u) << "the first result came with Hello";
  EXPECT_EQ(finished.completion().content(), "running");
  EXPECT_EQ(provider_.requests(), 2) << "nothing was called again";
}

TEST_F(ReconnectTest, DurableResultsAreForgotten) {
  StartWorker();
  auto session = hub_->NextSession();
  session->Welcome();
  session->Run(MakeTask(1, "echo one"));
  session->NextFinished();
  session->Durable(MakeRef(1));
  // Answered after the message before it: that one has been handled.
  session->Run(MakeTask(2, "echo two"));
  session->NextFinished();
  session->Break();
  session = hub_->NextSession();
  ASSERT_THAT(session->hello().held(), SizeIs(1));
  EXPECT_EQ(session->hello().held(0).ref().task_index(), 2u);
}

TEST_F(ReconnectTest, WhatTheCoordinatorDoesNotKeepIsClosed) {
  StartWorker();
  auto session = hub_->NextSession();
  session->Welcome();
  session->Run(MakeTask(1, "hold one"));
  ASSERT_TRUE(provider_.WaitForRequests(1));
  session->Break();
  session = hub_->NextSession();
  session->Welcome({});
  EXPECT_TRUE(provider_.WaitForAbandoned(1));
  // Both slots are free again.
  session->Run(MakeTask(2, "echo two"));
  EXPECT_EQ(session->NextFinished().completion().content(), "two");
}

TEST_F(ReconnectTest, ACoordinatorThatComesBackFindsTheWorkerAndItsRunningCall) {
  StartWorker();
  auto session = hub_->NextSession();
  session->Welcome();
  session->Run(MakeTask(1, "hold one"));
  ASSERT_TRUE(provider_.WaitForRequests(1));
  const int port = hub_->port();
  hub_.reset();
  provider_.Release();  // the call ends while nobody is there
  hub_.emplace(port);
  session = hub_->NextSession();
  session->Welcome({MakeRef(1)});
  if (session->hello().held(0).has_finished()) {
    EXPECT_EQ(session->hello().held(0).finished().completion().content(), "one");
  } else {
    EXPECT_EQ(session->NextFinished().completion().content(), "one");
  }
}

TEST_F(ReconnectTest, CallsWithoutACoordinatorAreClosedAtTheOrphanLimit) {
  WorkerOptions options = RigOptions({hub_->address()}, provider_);
  options.orphan_limit = absl::Milliseconds(100);
  StartWorker(options);
  auto session = hub_->NextSession();
  session->Welcome();
  session->Run(MakeTask(1, "hold one"));
  ASSERT_TRUE(provider_.WaitForRequests(1));
  hub_.reset();
  EXPECT_TRUE(provider_.WaitForAbandoned(1));
}

TEST_F(ReconnectTest, ASilentCoordinatorIsTakenForDead) {
  StartWorker();
  auto session = hub_->NextSession();
  session->Welcome({}, absl::Milliseconds(300));
  EXPECT_TRUE(session->WaitUntilEnded());
  EXPECT_GE(session->heartbeats(), 1) << "the worker itself was not silent";
  EXPECT_NE(hub_->NextSession(), nullptr);
}

TEST_F(ReconnectTest, ACoordinatorThatNeverSaysWelcomeIsGivenUp) {
  WorkerOptions options = RigOptions({hub_->address()}, provider_);
  options.welcome_timeout = absl::Milliseconds(100);
  StartWorker(options);
  auto session = hub_->NextSession();
  EXPECT_TRUE(session->WaitUntilEnded());
  EXPECT_NE(hub_->NextSession(), nullptr);
}

TEST_F(ReconnectTest, NothingRunsBeforeWelcome) {
  StartWorker();
  auto session = hub_->NextSession();
  session->Run(MakeTask(1, "echo early"));
  session->Welcome();
  session->Run(MakeTask(2, "echo two"));
  EXPECT_EQ(session->NextFinished().ref().task_index(), 2u);
  EXPECT_EQ(provider_.requests(), 1);
}

TEST_F(ReconnectTest, AnAbsentCoordinatorIsTriedQuietly) {
  AbsentCoordinator absent;
  CaptureStderr();
  StartWorker(RigOptions({absent.address()}, provider_));
  EXPECT_THAT(std::string(worker_->Ready().message()), HasSubstr("no coordinator"));
  EXPECT_TRUE(absent.WaitForTries(4)) << "a try begins after the one before has failed";
  worker_.reset();
  const std::string log = GetCapturedStderr();
  const size_t first = log.find("cannot reach the coordinator");
  EXPECT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find("cannot reach the coordinator", first + 1), std::string::npos) << log;
}

}  // namespace
}  // namespace moa::worker
