// A worker of this release with two coordinators of the previous one, which confirm no grant, say no demand, claim
// nothing and leave nothing undecided. What a WorkerStatus says they heed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "tests/worker/rpc/fake_hub.h"
#include "tests/worker/rpc/worker_rig.h"

namespace moa::worker {
namespace {

class OldCoordinatorTest : public testing::Test {
 protected:
  OldCoordinatorTest() : a_(std::in_place), b_(std::in_place) {}
  ~OldCoordinatorTest() override {
    provider_.Release();
    worker_.reset();
  }
  void StartWorker(absl::Duration orphan_limit = absl::Seconds(60)) {
    WorkerOptions options = RigOptions({a_->address(), b_->address()}, provider_);
    options.slots = 4;
    options.orphan_limit = orphan_limit;
    auto worker = Worker::Create(options, registry_);
    ASSERT_OK(worker);
    worker_ = *std::move(worker);
    worker_->Start();
    at_a_ = a_->NextSession();
    at_b_ = b_->NextSession();
  }
  // Three slots for A until it hears of B, then two, but B has the second one only when A has surely heard of it.
  void WelcomeBoth() {
    at_a_->Welcome();
    at_a_->WaitForSlots(3);
    at_b_->Welcome();
    at_a_->WaitForSlots(2);
  }
  void Run(HubSession& at, uint32_t task) { at.Run(MakeTask(task, absl::StrCat("hold ", task))); }

  ScriptedProvider provider_;
  prometheus::Registry registry_;
  std::optional<FakeHub> a_;
  std::optional<FakeHub> b_;
  std::unique_ptr<Worker> worker_;
  std::shared_ptr<HubSession> at_a_;
  std::shared_ptr<HubSession> at_b_;
};

TEST_F(OldCoordinatorTest, EachGetsHalfOfTheSlotsWithoutConfirmingAnything) {
  StartWorker();
  WelcomeBoth();
  at_b_->WaitForSlots(2);
  for (const uint32_t task : {1, 2}) Run(*at_a_, task);
  for (const uint32_t task : {3, 4}) Run(*at_b_, task);
  ASSERT_TRUE(provider_.WaitForRequests(4));
  // Beyond what it was granted nothing runs.
  Run(*at_a_, 5);
  EXPECT_EQ(at_a_->NextFinished().error().error().code(), v1::ERROR_CODE_WORKER_LOST);
  Run(*at_b_, 6);
  EXPECT_EQ(at_b_->NextFinished().error().error().code(), v1::ERROR_CODE_WORKER_LOST);
  provider_.Release();
  for (HubSession* at : {at_a_.get(), at_b_.get()}) {
    for (int i = 0; i < 2; ++i) {
      const v1::AttemptFinished finished = at->NextFinished();
      EXPECT_TRUE(finished.has_completion()) << finished.ShortDebugString();
      at->Durable(finished.ref());
    }
  }
  EXPECT_EQ(provider_.requests(), 4);
}

// A task that crossed the lowered grant on its way runs, and there are still no more than four.
TEST_F(OldCoordinatorTest, WhatWasSentBeforeTheGrantWasLoweredRuns) {
  StartWorker();
  WelcomeBoth();
  for (const uint32_t task : {1, 2, 3}) Run(*at_a_, task);
  Run(*at_b_, 4);
  ASSERT_TRUE(provider_.WaitForRequests(4));
  Run(*at_b_, 5);
  EXPECT_EQ(at_b_->NextFinished().error().error().code(), v1::ERROR_CODE_WORKER_LOST);
}

// It does not say that it could use them.
TEST_F(OldCoordinatorTest, GetsItsHalfOnceTheOtherIsIdle) {
  StartWorker();
  WelcomeBoth();
  for (const uint32_t task : {1, 2, 3}) Run(*at_a_, task);
  ASSERT_TRUE(provider_.WaitForRequests(3));
  // Longer than the worker waits for a confirmation.
  EXPECT_FALSE(a_->NextSession(absl::Seconds(3)));
  for (const uint32_t task : {1, 2, 3}) {
    at_a_->Cancel(MakeRef(task));
    EXPECT_EQ(at_a_->NextFinished().error().error().code(), v1::ERROR_CODE_CANCELLED);
  }
  at_b_->WaitForSlots(2);
}

TEST_F(OldCoordinatorTest, ACallThatItKeepsAfterAReconnectGoesOn) {
  StartWorker();
  WelcomeBoth();
  Run(*at_a_, 1);
  ASSERT_TRUE(provider_.WaitForRequests(1));
  at_a_->Break();
  at_a_ = a_->NextSession();
  ASSERT_EQ(at_a_->hello().held_size(), 1);
  at_a_->Welcome({MakeRef(1)});
  provider_.Release();
  EXPECT_TRUE(at_a_->NextFinished().has_completion());
  EXPECT_EQ(provider_.requests(), 1);
}

TEST_F(OldCoordinatorTest, ACallThatItDoesNotKeepIsCancelledAndItsSlotFree) {
  StartWorker();
  WelcomeBoth();
  Run(*at_a_, 1);
  ASSERT_TRUE(provider_.WaitForRequests(1));
  at_a_->Break();
  at_a_ = a_->NextSession();
  at_a_->Welcome();
  EXPECT_TRUE(provider_.WaitForAbandoned(1));
  at_a_->WaitForSlots(2);
  for (const uint32_t task : {2, 3}) Run(*at_a_, task);
  EXPECT_TRUE(provider_.WaitForRequests(3));
}

// The other is offered what a lost one left, and does not know what that is.
TEST_F(OldCoordinatorTest, WhatALostOneLeftEndsAtTheOrphanLimitAndTheOtherGetsTheFreeSlots) {
  StartWorker(absl::Seconds(1));
  WelcomeBoth();
  Run(*at_a_, 1);
  ASSERT_TRUE(provider_.WaitForRequests(1));
  a_.reset();
  at_b_->WaitForSlots(3);
  EXPECT_TRUE(provider_.WaitForAbandoned(1));
  for (const uint32_t task : {2, 3, 4}) Run(*at_b_, task);
  EXPECT_TRUE(provider_.WaitForRequests(4));
}

TEST_F(OldCoordinatorTest, GetsTheSlotOfAnOrphanThatEnded) {
  StartWorker(absl::Seconds(1));
  WelcomeBoth();
  Run(*at_a_, 1);
  ASSERT_TRUE(provider_.WaitForRequests(1));
  a_.reset();
  EXPECT_TRUE(provider_.WaitForAbandoned(1));
  at_b_->WaitForSlots(4);
}

}  // namespace
}  // namespace moa::worker
