#include "worker/rpc/name_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/worker/rpc/fake_dns.h"

namespace moa::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

class NameWatchTest : public testing::Test {
 protected:
  NameWatchTest() : loop_("test") {}
  ~NameWatchTest() override {
    watch_.reset();
    loop_.Stop();  // before what the last closures on it use
  }

  void Watch(const std::vector<Address>& entries, NameWatch::Resolve resolve,
             absl::Duration interval = absl::Milliseconds(10)) {
    watch_ = std::make_unique<NameWatch>(
        loop_, CoordinatorNames(entries),
        NameWatch::Options{.resolve = std::move(resolve), .interval = interval},
        [this](std::vector<CoordinatorAddress> all) {
          MutexLock lock(mutex_);
          told_.clear();
          for (const CoordinatorAddress& one : all) told_.push_back(one.ToString());
          ++times_told_;
          changed_.NotifyAll();
        });
  }
  // The addresses when they have been told so many times; fails after 20 s.
  std::vector<std::string> Told(int times) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    MutexLock lock(mutex_);
    while (times_told_ < times && absl::Now() < deadline) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
    EXPECT_EQ(times_told_, times);
    return told_;
  }

  Loop loop_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> told_ ABSL_GUARDED_BY(mutex_);
  int times_told_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<NameWatch> watch_;
};

TEST_F(NameWatchTest, TellsTheAddressesWheneverTheyAreOthers) {
  FakeDns dns;
  dns.Set("moa", {"10.0.0.1"});
  Watch({{"moa", 7070}}, dns.resolve());
  EXPECT_THAT(Told(1), ElementsAre("10.0.0.1:7070 (moa:7070)"));
  dns.Set("moa", {"10.0.0.1", "10.0.0.2"});
  EXPECT_THAT(Told(2), ElementsAre("10.0.0.1:7070 (moa:7070)", "10.0.0.2:7070 (moa:7070)"));
  dns.Set("moa", {"10.0.0.2", "10.0.0.1"});
  EXPECT_TRUE(dns.WaitForAnAnswer());
  dns.Set("moa", {"10.0.0.2"});
  EXPECT_THAT(Told(3), ElementsAre("10.0.0.2:7070 (moa:7070)")) << "another order is nothing new";
}

TEST_F(NameWatchTest, ANameThatIsAwayForAWhileIsLoggedTwiceAndKeepsItsAddress) {
  CaptureStderr();
  FakeDns dns;
  Watch({{"moa", 7070}, {"10.0.0.1", 7070}}, dns.resolve());
  EXPECT_TRUE(dns.WaitForAnAnswer());
  dns.Set("moa", {"10.0.0.2"});
  EXPECT_THAT(Told(1), ElementsAre("10.0.0.1:7070", "10.0.0.2:7070 (moa:7070)"));
  watch_.reset();
  const std::string log = GetCapturedStderr();
  const size_t first = log.find("cannot resolve the coordinator's name");
  ASSERT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find("cannot resolve", first + 1), std::string::npos) << log;
  EXPECT_THAT(log, HasSubstr("can be resolved again"));
}

TEST_F(NameWatchTest, AHurryBringsTheNextRoundForward) {
  FakeDns dns;
  dns.Set("moa", {"10.0.0.1"});
  // Without a hurry the next round is due when the test has long failed.
  Watch({{"moa", 7070}}, dns.resolve(), absl::Seconds(25));
  Told(1);
  dns.Set("moa", {"10.0.0.2"});
  watch_->Hurry();
  EXPECT_THAT(Told(2), ElementsAre("10.0.0.2:7070 (moa:7070)"));
}

TEST_F(NameWatchTest, IpAddressesAreNotResolved) {
  Watch({{"10.0.0.1", 7070}, {"::1", 7070}},
        [](const std::string& host) -> absl::StatusOr<std::vector<std::string>> {
          ADD_FAILURE() << host;
          return absl::InternalError("");
        });
  watch_->Hurry();
  Told(0);
}

TEST_F(NameWatchTest, LeavesWithoutWaitingForAnAnswer) {
  auto asked = std::make_shared<std::promise<void>>();
  auto answer = std::make_shared<std::promise<void>>();
  auto gone = std::make_shared<std::promise<void>>();
  Watch({{"moa", 7070}}, [=](const std::string&) -> absl::StatusOr<std::vector<std::string>> {
    asked->set_value();
    answer->get_future().wait();
    gone->set_value();
    return std::vector<std::string>{"10.0.0.1"};
  });
  asked->get_future().wait();
  watch_.reset();
  answer->set_value();
  EXPECT_EQ(gone->get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  Told(0);
}

}  // namespace
}  // namespace moa::worker
