#include <gtest/gtest.h>

#include <vector>

#include "common/base/status_matchers.h"
#include "tests/coordinator/store/job_store_contract.h"
#include "tests/coordinator/store/store_fixtures.h"

// The part of JobStoreContractTest about lists.

namespace moa {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<JobId> IdsOf(const std::vector<JobRow>& rows) {
  std::vector<JobId> ids;
  for (const JobRow& row : rows) ids.push_back(row.id);
  return ids;
}

}  // namespace

TEST_P(JobStoreContractTest, ListsNewestFirstByTimeAndThenId) {
  NewJob early = TestJob(9);
  early.row.created = TestTime(0);
  ASSERT_OK(InsertAndWait(*store_, early));
  for (int n : {2, 1, 3}) {
    NewJob job = TestJob(n);
    job.row.created = TestTime(5);
    ASSERT_OK(InsertAndWait(*store_, job));
  }
  ASSERT_OK_AND_ASSIGN(std::vector<JobRow> rows, store_->List(JobQuery()));
  EXPECT_THAT(IdsOf(rows), ElementsAre(TestId(3), TestId(2), TestId(1), TestId(9)));
}

TEST_P(JobStoreContractTest, PagesMeetWithoutGapOrOverlap) {
  // Ten jobs in pairs of the same time, in four states, so that pages end within pairs.
  for (int n = 0; n < 10; ++n) {
    NewJob job = TestJob(n);
    job.row.created = TestTime(n / 2);
    ASSERT_OK(InsertAndWait(*store_, job));
    const auto state = static_cast<StoredState>(1 + n % 4);
    ASSERT_OK(UpdateAndWait(*store_, TestStateUpdate(TestId(n), 2, state)));
  }
  std::vector<JobId> seen;
  JobQuery query;
  query.limit = 3;
  while (true) {
    ASSERT_OK_AND_ASSIGN(std::vector<JobRow> rows, store_->List(query));
    for (const JobRow& row : rows) seen.push_back(row.id);
    if (rows.size() < query.limit) break;
    query.before.emplace(rows.back().created, rows.back().id);
  }
  std::vector<JobId> expected;
  for (int n = 9; n >= 0; --n) expected.push_back(TestId(n));
  EXPECT_EQ(seen, expected);
}

TEST_P(JobStoreContractTest, ListsByTenantAndStates) {
  for (int n = 0; n < 12; ++n) {
    ASSERT_OK(InsertAndWait(*store_, TestJob(n, n % 2 == 0 ? "even" : "odd")));
    if (n % 3 != 0) {
      const StoredState state = n % 3 == 1 ? StoredState::kRunning : StoredState::kFailed;
      ASSERT_OK(UpdateAndWait(*store_, TestStateUpdate(TestId(n), 2, state)));
    }
  }
  JobQuery query;
  query.tenant = "even";
  ASSERT_OK_AND_ASSIGN(std::vector<JobRow> rows, store_->List(query));
  EXPECT_THAT(IdsOf(rows),
              ElementsAre(TestId(10), TestId(8), TestId(6), TestId(4), TestId(2), TestId(0)));
  query.states = {StoredState::kFailed, StoredState::kQueued, StoredState::kFailed};
  ASSERT_OK_AND_ASSIGN(rows, store_->List(query));
  EXPECT_THAT(IdsOf(rows), ElementsAre(TestId(8), TestId(6), TestId(2), TestId(0)));
  query.tenant.clear();
  query.states = {StoredState::kRunning};
  query.limit = 2;
  ASSERT_OK_AND_ASSIGN(rows, store_->List(query));
  EXPECT_THAT(IdsOf(rows), ElementsAre(TestId(10), TestId(7)));
  query.tenant = "nobody";
  ASSERT_OK_AND_ASSIGN(rows, store_->List(query));
  EXPECT_THAT(rows, IsEmpty());
  query = JobQuery();
  query.limit = 0;
  ASSERT_OK_AND_ASSIGN(rows, store_->List(query));
  EXPECT_THAT(rows, IsEmpty());
}

TEST_P(JobStoreContractTest, CountsByStateAndTenant) {
  for (int n = 0; n < 12; ++n) {
    ASSERT_OK(InsertAndWait(*store_, TestJob(n, n % 2 == 0 ? "even" : "odd")));
    const auto state = static_cast<StoredState>(1 + n % 5);
    if (state == StoredState::kQueued) continue;
    ASSERT_OK(UpdateAndWait(*store_, TestStateUpdate(TestId(n), 2, state)));
  }
  const auto counted = [&](const std::string& tenant) {
    const absl::StatusOr<JobCounts> counts = store_->Count(tenant);
    EXPECT_OK(counts);
    return counts.value_or(JobCounts()).by_state;
  };
  EXPECT_THAT(counted(""), ElementsAre(0, 3, 3, 2, 2, 2));
  EXPECT_THAT(counted("odd"), ElementsAre(0, 1, 2, 1, 1, 1));
  EXPECT_THAT(counted("nobody"), ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST_P(JobStoreContractTest, ListsUnfinishedJobsOldestFirst) {
  const StoredState states[] = {StoredState::kQueued,    StoredState::kRunning,
                                StoredState::kSucceeded, StoredState::kFailed,
                                StoredState::kCancelled, StoredState::kRunning};
  for (int n = 0; n < 6; ++n) {
    ASSERT_OK(InsertAndWait(*store_, TestJob(n)));
    if (states[n] == StoredState::kQueued) continue;
    ASSERT_OK(UpdateAndWait(*store_, TestStateUpdate(TestId(n), 2, states[n])));
  }
  ASSERT_OK_AND_ASSIGN(std::vector<JobId> unfinished, store_->ListUnfinished());
  EXPECT_THAT(unfinished, ElementsAre(TestId(0), TestId(1), TestId(5)));
}

}  // namespace moa
