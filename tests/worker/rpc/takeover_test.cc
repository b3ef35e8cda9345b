// A worker between two coordinators: what runs for one that is lost goes on for the other, and slots follow the demand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "common/base/status_matchers.h"
#include "tests/worker/rpc/fake_hub.h"
#include "tests/worker/rpc/worker_rig.h"

namespace moa::worker {
namespace {

std::string Bytes(const v1::AttemptRef& ref) { return ref.SerializeAsString(); }

class TakeoverTest : public testing::Test {
 protected:
  TakeoverTest() : a_(std::in_place), b_(std::in_place) {
    WorkerOptions options = RigOptions({a_->address(), b_->address()}, provider_);
    options.slots = 4;
    options.orphan_limit = absl::Seconds(60);
    auto worker = Worker::Create(options, registry_);
    EXPECT_OK(worker);
    worker_ = *std::move(worker);
    worker_->Start();
    at_a_ = a_->NextSession();
    at_b_ = b_->NextSession();
  }
  ~TakeoverTest() override {
    provider_.Release();
    worker_.reset();
  }
  // Both have two of the four slots.
  void WelcomeBoth() {
    at_a_->Welcome();
    at_a_->WaitForSlots(3);  // one is kept for B, which has been dialled
    at_b_->Welcome();
    at_a_->WaitForSlots(2);
    at_a_->ConfirmSlots(2);
    at_b_->WaitForSlots(2);
    at_b_->ConfirmSlots(2);
  }

  ScriptedProvider provider_;
  prometheus::Registry registry_;
  std::optional<FakeHub> a_;
  std::optional<FakeHub> b_;
  std::unique_ptr<Worker> worker_;
  std::shared_ptr<HubSession> at_a_;
  std::shared_ptr<HubSession> at_b_;
};

TEST_F(TakeoverTest, ARunningCallGoesOnForTheCoordinatorThatClaimsIt) {
  WelcomeBoth();
  const v1::RunTask task = MakeTask(1, "hold answer");
  at_a_->Run(task);
  ASSERT_TRUE(provider_.WaitForRequests(1));
  a_.reset();
  const v1::OfferAttempts offer = at_b_->NextOffer();
  ASSERT_EQ(offer.held_size(), 1);
  EXPECT_EQ(Bytes(offer.held(0).ref()), Bytes(task.ref()));
  EXPECT_EQ(offer.held(0).input_hash(), task.input_hash());
  EXPECT_FALSE(offer.held(0).has_finished());
  at_b_->Claim(task.ref());
  provider_.Release();
  const v1::AttemptFinished finished = at_b_->NextFinished();
  EXPECT_EQ(Bytes(finished.ref()), Bytes(task.ref()));
  EXPECT_EQ(finished.completion().content(), "answer");
  EXPECT_EQ(finished.input_hash(), task.input_hash());
  EXPECT_EQ(provider_.requests(), 1);
}

TEST_F(TakeoverTest, AResultThatNobodyHasStoredIsClaimedToo) {
  WelcomeBoth();
  const v1::RunTask task = MakeTask(1, "echo answer");
  at_a_->Run(task);
  EXPECT_EQ(at_a_->NextFinished().completion().content(), "answer");
  a_.reset();
  ASSERT_EQ(at_b_->NextOffer().held_size(), 1);
  at_b_->Claim(task.ref());
  EXPECT_EQ(at_b_->NextFinished().completion().content(), "answer");
  EXPECT_EQ(provider_.requests(), 1);
}

TEST_F(TakeoverTest, AClaimedCallCanBeCancelled) {
  WelcomeBoth();
  const v1::RunTask task = MakeTask(1, "hold answer");
  at_a_->Run(task);
  ASSERT_TRUE(provider_.WaitForRequests(1));
  a_.reset();
  at_b_->NextOffer();
  at_b_->Claim(task.ref());
  at_b_->Cancel(task.ref());
  EXPECT_EQ(at_b_->NextFinished().error().error().code(), v1::ERROR_CODE_CANCELLED);
  EXPECT_TRUE(provider_.WaitForAbandoned(1));
}

TEST_F(TakeoverTest, WhenTheCoordinatorComesBackTheOfferIsWithdrawn) {
  WelcomeBoth();
  const v1::RunTask task = MakeTask(1, "hold answer");
  at_a_->Run(task);
  ASSERT_TRUE(provider_.WaitForRequests(1));
  at_a_->Break();
  at_b_->NextOffer();
  at_a_ = a_->NextSession();
  ASSERT_EQ(at_a_->hello().held_size(), 1);
  at_a_->Welcome({task.ref()});
  const v1::OfferAttempts offer = at_b_->NextOffer();
  ASSERT_EQ(offer.withdrawn_size(), 1);
  EXPECT_EQ(Bytes(offer.withdrawn(0)), Bytes(task.ref()));
  // Too late.
  at_b_->Claim(task.ref());
  EXPECT_EQ(at_b_->NextFinished().error().error().code(), v1::ERROR_CODE_WORKER_LOST);
  provider_.Release();
  EXPECT_EQ(at_a_->NextFinished().completion().content(), "answer");
}

TEST_F(TakeoverTest, WhatARestartedCoordinatorLeavesUndecidedEitherMayClaim) {
  WelcomeBoth();
  const v1::RunTask one = MakeTask(1, "hold one");
  const v1::RunTask two = MakeTask(2, "hold two");
  at_a_->Run(one);
  at_a_->Run(two);
  ASSERT_TRUE(provider_.WaitForRequests(2));
  at_a_->Break();
  at_a_ = a_->NextSession();
  at_a_->Undecided({one.ref(), two.ref()});
  EXPECT_EQ(at_a_->NextOffer().held_size(), 2);
  at_a_->Claim(one.ref());
  at_b_->Claim(two.ref());
  provider_.Release();
  EXPECT_EQ(at_a_->NextFinished().completion().content(), "one");
  EXPECT_EQ(at_b_->NextFinished().completion().content(), "two");
  EXPECT_EQ(provider_.requests(), 2);
}

TEST_F(TakeoverTest, SlotsFollowTheDemandAndAreNeverGivenTwice) {
  WelcomeBoth();
  at_b_->Demand(10);
  at_a_->WaitForSlots(1);
  // Until A has confirmed it may still use two, and one call of its own finds its slot.
  at_a_->Run(MakeTask(1, "hold one"));
  at_a_->Run(MakeTask(2, "hold two"));
  ASSERT_TRUE(provider_.WaitForRequests(2));
  at_a_->ConfirmSlots(1);
  at_b_->Run(MakeTask(3, "hold three"));
  at_b_->Run(MakeTask(4, "hold four"));
  ASSERT_TRUE(provider_.WaitForRequests(4));
  // A second one of A's ends, and its slot goes over.
  at_a_->Cancel(MakeTask(1, "").ref());
  at_b_->WaitForSlots(3);
  at_b_->ConfirmSlots(3);
  at_b_->Run(MakeTask(5, "hold five"));
  EXPECT_TRUE(provider_.WaitForRequests(5));
}

TEST_F(TakeoverTest, ACoordinatorThatIsAwayHoldsNoSlots) {
  WelcomeBoth();
  a_.reset();
  at_b_->WaitForSlots(4);
}

}  // namespace
}  // namespace moa::worker
