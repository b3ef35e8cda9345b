#include "coordinator/runtime/job_counter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "absl/time/clock.h"
#include "common/base/status_matchers.h"
#include "tests/coordinator/store/memory_job_store.h"
#include "tests/coordinator/store/store_fixtures.h"

namespace moa {
namespace {

// A store of so many jobs that counting them takes its time.
class CountedStore : public MemoryJobStore {
 public:
  absl::StatusOr<JobCounts> Count(const std::string& tenant) override {
    ++made;
    absl::SleepFor(takes);
    if (!failure.ok()) return failure;
    return MemoryJobStore::Count(tenant);
  }
  std::atomic<int> made = 0;
  absl::Duration takes;
  absl::Status failure;
};

class JobCounterTest : public testing::Test {
 protected:
  absl::StatusOr<uint64_t> Queued(const std::string& tenant = "") {
    std::promise<absl::StatusOr<CountedJobs>> counted;
    counter_.Count(
        tenant, [&](absl::StatusOr<CountedJobs> answer) { counted.set_value(std::move(answer)); });
    const absl::StatusOr<CountedJobs> answer = counted.get_future().get();
    if (!answer.ok()) return answer.status();
    return answer->counts.of(StoredState::kQueued);
  }

  CountedStore store_;
  JobCounter counter_{store_};
};

TEST_F(JobCounterTest, AQuickCountIsOfNow) {
  for (int n = 0; n < 3; ++n) {
    ASSERT_OK(InsertAndWait(store_, TestJob(n, "acme")));
    EXPECT_EQ(*Queued("acme"), static_cast<uint64_t>(n + 1));
  }
  EXPECT_EQ(*Queued("other"), 0u);
}

TEST_F(JobCounterTest, ASlowCountIsAnsweredFromTheLastOneAndMadeInTheBackground) {
  ASSERT_OK(InsertAndWait(store_, TestJob(1)));
  store_.takes = absl::Milliseconds(30);
  EXPECT_EQ(*Queued(), 1u);
  ASSERT_OK(InsertAndWait(store_, TestJob(2)));
  int asked = 0;
  while (*Queued() == 1) ++asked;
  EXPECT_EQ(*Queued(), 2u);
  EXPECT_GE(asked, 1);
  EXPECT_LE(store_.made, 3) << "not one for each who asks";
}

TEST_F(JobCounterTest, AFailureIsTheCallersUntilSomethingIsCounted) {
  store_.failure = absl::UnavailableError("the disk is gone");
  EXPECT_EQ(Queued().status(), store_.failure);
  store_.failure = absl::OkStatus();
  EXPECT_EQ(*Queued(), 0u);
}

}  // namespace
}  // namespace moa
