// A worker whose coordinators are named: it follows the addresses that the names have.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "tests/worker/rpc/fake_dns.h"
#include "tests/worker/rpc/fake_hub.h"
#include "tests/worker/rpc/worker_rig.h"

namespace moa::worker {
namespace {

constexpr char kA[] = "127.0.0.1";
constexpr char kB[] = "127.0.0.2";

// Two coordinators on one port of two addresses.
class AddressesTest : public testing::Test {
 protected:
  AddressesTest() : a_(std::in_place, 0, kA), b_(std::in_place, a_->port(), kB) {}
  ~AddressesTest() override {
    provider_.Release();
    worker_.reset();
  }

  WorkerOptions Options(const std::vector<std::string>& names = {"moa"}) {
    std::vector<std::string> coordinators;
    for (const std::string& name : names) {
      coordinators.push_back(absl::StrCat(name, ":", a_->port()));
    }
    WorkerOptions options = RigOptions(coordinators, provider_);
    options.slots = 4;
    options.names = {.resolve = dns_.resolve(), .interval = absl::Milliseconds(20)};
    return options;
  }
  void StartWorker(const WorkerOptions& options) {
    auto worker = Worker::Create(options, registry_);
    ASSERT_OK(worker);
    worker_ = *std::move(worker);
    worker_->Start();
  }
  // Both named "moa", with two of the four slots each.
  void StartWithBoth(const WorkerOptions& options) {
    dns_.Set("moa", {kA, kB});
    StartWorker(options);
    at_a_ = a_->NextSession();
    at_b_ = b_->NextSession();
    at_a_->Welcome();
    at_a_->WaitForSlots(3);
    at_b_->Welcome();
    at_a_->WaitForSlots(2);
    at_a_->ConfirmSlots(2);
    at_b_->WaitForSlots(2);
    at_b_->ConfirmSlots(2);
  }
  // As the gauge has it.
  int Sessions(const std::string& state) {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name != "moa_worker_sessions") continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        if (metric.label.at(0).value == state) return static_cast<int>(metric.gauge.value);
      }
    }
    return -1;
  }
  bool WaitForSessions(int connected, int disconnected) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (Sessions("connected") != connected || Sessions("disconnected") != disconnected) {
      if (absl::Now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  FakeDns dns_;
  ScriptedProvider provider_;
  prometheus::Registry registry_;
  std::optional<FakeHub> a_;
  std::optional<FakeHub> b_;
  std::unique_ptr<Worker> worker_;
  std::shared_ptr<HubSession> at_a_;
  std::shared_ptr<HubSession> at_b_;
};

TEST_F(AddressesTest, ANameIsFollowedFromOneAddressToTwoAndBack) {
  dns_.Set("moa", {kA});
  StartWorker(Options());
  at_a_ = a_->NextSession();
  EXPECT_EQ(at_a_->hello().slots(), 4u) << "it is alone";
  at_a_->Welcome();
  dns_.Set("moa", {kA, kB});
  at_b_ = b_->NextSession();
  EXPECT_EQ(at_b_->hello().slots(), 0u) << "A may use them all until it has confirmed";
  at_b_->Welcome();
  at_a_->WaitForSlots(2);
  at_a_->ConfirmSlots(2);
  at_b_->WaitForSlots(2);
  at_b_->ConfirmSlots(2);
  EXPECT_TRUE(WaitForSessions(2, 0));

  dns_.Set("moa", {kA});
  EXPECT_TRUE(dns_.WaitForAnAnswer());
  at_b_->Run(MakeTask(1, "echo one"));
  EXPECT_EQ(at_b_->NextFinished().completion().content(), "one") << "who is connected stays";
  at_b_->Durable(MakeRef(1));
  at_b_->Run(MakeTask(2, "echo two"));
  at_b_->NextFinished();
  at_b_->Durable(MakeRef(2));
  b_.reset();
  EXPECT_TRUE(WaitForSessions(1, 0)) << "and is forgotten once it leaves";
  at_a_->WaitForSlots(4);
}

TEST_F(AddressesTest, AnAddressThatVanishesKeepsItsCallOverAReconnect) {
  StartWithBoth(Options());
  at_b_->Run(MakeTask(1, "hold one"));
  ASSERT_TRUE(provider_.WaitForRequests(1));
  dns_.Set("moa", {kA});
  EXPECT_TRUE(dns_.WaitForAnAnswer());
  at_b_->Break();
  at_b_ = b_->NextSession();
  ASSERT_EQ(at_b_->hello().held_size(), 1);
  at_b_->Welcome({MakeRef(1)});
  provider_.Release();
  EXPECT_EQ(at_b_->NextFinished().completion().content(), "one");
  EXPECT_EQ(provider_.requests(), 1);
  at_b_->Durable(MakeRef(1));
  b_.reset();
  EXPECT_TRUE(WaitForSessions(1, 0));
}

TEST_F(AddressesTest, WhatAVanishedCoordinatorLeavesTheOtherMayClaim) {
  StartWithBoth(Options());
  at_b_->Run(MakeTask(1, "hold one"));
  ASSERT_TRUE(provider_.WaitForRequests(1));
  b_.reset();
  dns_.Set("moa", {kA});
  EXPECT_EQ(at_a_->NextOffer().held_size(), 1);
  at_a_->Claim(MakeRef(1));
  provider_.Release();
  EXPECT_EQ(at_a_->NextFinished().completion().content(), "one");
  EXPECT_TRUE(WaitForSessions(1, 0));
  EXPECT_EQ(provider_.requests(), 1);
}

TEST_F(AddressesTest, AResultThatNobodyClaimsIsGivenUpAtTheOrphanLimit) {
  WorkerOptions options = Options();
  options.orphan_limit = absl::Milliseconds(300);
  StartWithBoth(options);
  at_b_->Run(MakeTask(1, "echo one"));
  at_b_->NextFinished();
  b_.reset();
  dns_.Set("moa", {kA});
  EXPECT_TRUE(WaitForSessions(1, 0));
}

// It is the same worker still: what ran for the old address is offered at the new one.
TEST_F(AddressesTest, ACoordinatorThatComesBackAtAnotherAddressGetsItsCall) {
  dns_.Set("moa", {kA});
  StartWorker(Options());
  at_a_ = a_->NextSession();
  at_a_->Welcome();
  at_a_->Run(MakeTask(1, "hold one"));
  ASSERT_TRUE(provider_.WaitForRequests(1));
  a_.reset();
  dns_.Set("moa", {kB});
  at_b_ = b_->NextSession();
  at_b_->Welcome();
  EXPECT_EQ(at_b_->NextOffer().held_size(), 1);
  at_b_->Claim(MakeRef(1));
  at_b_->WaitForSlots(4);
  provider_.Release();
  EXPECT_EQ(at_b_->NextFinished().completion().content(), "one");
  EXPECT_TRUE(WaitForSessions(1, 0));
}

TEST_F(AddressesTest, ANameThatCannotBeResolvedYetIsTriedAgain) {
  StartWorker(Options());
  EXPECT_TRUE(dns_.WaitForAnAnswer());
  EXPECT_EQ(worker_->Ready().code(), absl::StatusCode::kUnavailable);
  dns_.Set("moa", {kA});
  at_a_ = a_->NextSession();
  at_a_->Welcome();
  EXPECT_TRUE(WaitForSessions(1, 0));
}

TEST_F(AddressesTest, ANameThatCannotBeResolvedAnyMoreKeepsItsSessions) {
  StartWithBoth(Options());
  dns_.Fail("moa");
  EXPECT_TRUE(dns_.WaitForAnAnswer());
  at_a_->Break();
  at_b_->Break();
  a_->NextSession()->Welcome();
  b_->NextSession()->Welcome();
  EXPECT_TRUE(WaitForSessions(2, 0));
}

TEST_F(AddressesTest, NoSessionIsAddedOnceDraining) {
  dns_.Set("moa", {kA});
  StartWorker(Options());
  at_a_ = a_->NextSession();
  at_a_->Welcome();
  at_a_->Run(MakeTask(1, "hold one"));
  ASSERT_TRUE(provider_.WaitForRequests(1));
  worker_->Drain();
  while (!at_a_->NextStatus().draining()) {
  }
  dns_.Set("moa", {kA, kB});
  EXPECT_TRUE(dns_.WaitForAnAnswer());
  provider_.Release();
  EXPECT_EQ(at_a_->NextFinished().completion().content(), "one");
  at_a_->Durable(MakeRef(1));
  worker_->WaitUntilDrained();
  EXPECT_EQ(b_->NextSession(absl::ZeroDuration()), nullptr);
}

TEST_F(AddressesTest, LeavesWhileAnAddressThatVanishedHoldsACall) {
  StartWithBoth(Options());
  at_b_->Run(MakeTask(1, "hold one"));
  ASSERT_TRUE(provider_.WaitForRequests(1));
  b_.reset();
  dns_.Set("moa", {kA});
  EXPECT_TRUE(dns_.WaitForAnAnswer());
  worker_.reset();
  EXPECT_TRUE(provider_.WaitForAbandoned(1));
  EXPECT_TRUE(at_a_->WaitUntilEnded());
}

// Two names of one process. As a coordinator does, the test ends the older stream when the same worker says Hello again.
class DuplicateTest : public AddressesTest {
 protected:
  DuplicateTest() {
    a_->set_coordinator_id("one");
    b_->set_coordinator_id("one");
    dns_.Set("first", {kA});
  }
  // A is connected and runs a call; B turns up.
  void StartAndNameBoth(absl::Duration away_limit = absl::Minutes(10)) {
    WorkerOptions options = Options({"first", "second"});
    options.away_limit = away_limit;
    StartWorker(options);
    at_a_ = a_->NextSession();
    at_a_->Welcome();
    at_a_->Run(MakeTask(1, "hold one"));
    ASSERT_TRUE(provider_.WaitForRequests(1));
    dns_.Set("second", {kB});
    at_b_ = b_->NextSession();
  }
  // A dials again with its call, and B is left alone.
  void ExpectSettledAtA() {
    EXPECT_TRUE(at_b_->WaitUntilEnded());
    at_a_ = a_->NextSession();
    ASSERT_EQ(at_a_->hello().held_size(), 1);
    at_a_->Welcome({MakeRef(1)});
    EXPECT_TRUE(WaitForSessions(1, 0));
    // Longer than a session waits before it dials again.
    EXPECT_EQ(b_->NextSession(absl::Seconds(2)), nullptr);
    provider_.Release();
    EXPECT_EQ(at_a_->NextFinished().completion().content(), "one");
    EXPECT_EQ(provider_.requests(), 1);
    EXPECT_EQ(Sessions("connected"), 1);
  }
};

TEST_F(DuplicateTest, TheLaterSessionWithOneProcessEnds) {
  StartAndNameBoth();
  at_a_->Break();
  // The worker has seen that A's stream is over.
  EXPECT_TRUE(WaitForSessions(0, 2));
  at_b_->Welcome();
  ExpectSettledAtA();
}

TEST_F(DuplicateTest, AlsoWhenItsWelcomeIsFaster) {
  StartAndNameBoth();
  at_b_->Welcome();
  EXPECT_TRUE(at_b_->WaitUntilEnded());
  at_a_->Break();
  ExpectSettledAtA();
}

TEST_F(DuplicateTest, TheAddressIsDialledWhenTheFirstStaysAway) {
  StartAndNameBoth(absl::Seconds(5));
  at_b_->Welcome();
  at_a_->Break();
  ExpectSettledAtA();
  const int port = a_->port();
  a_.reset();
  at_b_ = b_->NextSession();
  at_b_->Welcome();
  EXPECT_EQ(at_b_->NextOffer().held_size(), 1);
  EXPECT_TRUE(WaitForSessions(1, 1));
  // When the first comes back it is the later one.
  a_.emplace(port, kA, "one");
  at_a_ = a_->NextSession();
  at_a_->Welcome({MakeRef(1)});
  EXPECT_TRUE(at_a_->WaitUntilEnded());
  at_b_->Break();
  at_b_ = b_->NextSession();
  ASSERT_EQ(at_b_->hello().held_size(), 1) << "it has given what it held";
  at_b_->Welcome({MakeRef(1)});
  EXPECT_TRUE(WaitForSessions(1, 0));
}

TEST_F(DuplicateTest, WhatTheLaterSessionHoldsGoesOnAtTheFirst) {
  dns_.Set("first", {kB});
  StartWorker(Options({"first", "second"}));
  at_b_ = b_->NextSession();
  at_b_->Welcome();
  at_b_->Run(MakeTask(1, "hold one"));
  ASSERT_TRUE(provider_.WaitForRequests(1));
  const int port = b_->port();
  b_.reset();
  EXPECT_TRUE(WaitForSessions(0, 1));
  dns_.Set("second", {kA});
  at_a_ = a_->NextSession();
  at_a_->Welcome();
  EXPECT_EQ(at_a_->NextOffer().held_size(), 1);
  b_.emplace(port, kB, "one");
  at_b_ = b_->NextSession();
  ASSERT_EQ(at_b_->hello().held_size(), 1);
  at_b_->Welcome({MakeRef(1)});
  EXPECT_TRUE(at_b_->WaitUntilEnded());
  at_a_->Break();
  at_a_ = a_->NextSession();
  ASSERT_EQ(at_a_->hello().held_size(), 1);
  at_a_->Welcome({MakeRef(1)});
  provider_.Release();
  EXPECT_EQ(at_a_->NextFinished().completion().content(), "one");
  EXPECT_TRUE(WaitForSessions(1, 0));
}

TEST_F(DuplicateTest, TheAddressIsDialledWhenTheFirstHasFoundAnotherProcess) {
  StartAndNameBoth();
  at_b_->Welcome();
  at_a_->Break();
  ExpectSettledAtA();
  a_->set_coordinator_id("two");
  at_a_->Break();
  at_a_ = a_->NextSession();
  at_a_->Welcome({MakeRef(1)});
  at_b_ = b_->NextSession();
  at_b_->Welcome();
  EXPECT_TRUE(WaitForSessions(2, 0));
}

}  // namespace
}  // namespace moa::worker
