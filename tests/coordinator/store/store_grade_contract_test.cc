#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "common/base/status_matchers.h"
#include "coordinator/store/store_admin.h"
#include "tests/coordinator/store/job_store_contract.h"
#include "tests/coordinator/store/store_fixtures.h"

// The part of JobStoreContractTest about grades.

namespace moa {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

StoredGrade TestGrade(int n, const std::string& name, uint32_t total) {
  return {.id = TestId(n),
          .graded = TestId(100 + n),
          .tenant = Tenant("t"),
          .grader = "user-metrics",
          .name = name,
          .config = "c-" + name,
          .total = total,
          .max = 120,
          .ended = TestTime(n),
          .tokens = 1000u * static_cast<unsigned>(n),
          .calls = 5,
          .cost_nano_usd = 2'000'000,
          .latency = absl::Milliseconds(1500)};
}

// A job that has ended with that grade.
void Store(JobStore& store, const StoredGrade& grade) {
  NewJob job;
  job.row.id = grade.id;
  job.row.tenant = grade.tenant;
  job.row.created = grade.ended;
  job.request_hash = "h";
  job.accepted = {.sequence = 1, .payload = Text("accepted")};
  ASSERT_OK(InsertAndWait(store, job));
  JobUpdate update = TestStateUpdate(grade.id, 2, StoredState::kSucceeded);
  update.ended = grade.ended;
  update.grade = grade;
  ASSERT_OK(UpdateAndWait(store, update));
}

std::vector<JobId> IdsOf(const std::vector<StoredGrade>& grades) {
  std::vector<JobId> ids;
  for (const StoredGrade& grade : grades) ids.push_back(grade.id);
  return ids;
}

}  // namespace

TEST_P(JobStoreContractTest, GradesComeBackAsTheyWereNewestFirstAndInPages) {
  for (int n : {3, 1, 2}) Store(*store_, TestGrade(n, "a", 10));
  ASSERT_OK_AND_ASSIGN(const std::vector<StoredGrade> all, store_->ListGrades({}));
  EXPECT_THAT(all,
              ElementsAre(TestGrade(3, "a", 10), TestGrade(2, "a", 10), TestGrade(1, "a", 10)));
  GradeQuery page{.limit = 2};
  ASSERT_OK_AND_ASSIGN(const std::vector<StoredGrade> first, store_->ListGrades(page));
  page.before.emplace(first.back().ended, first.back().id);
  ASSERT_OK_AND_ASSIGN(const std::vector<StoredGrade> rest, store_->ListGrades(page));
  EXPECT_THAT(IdsOf(first), ElementsAre(TestId(3), TestId(2)));
  EXPECT_THAT(IdsOf(rest), ElementsAre(TestId(1)));
}

TEST_P(JobStoreContractTest, GradesAreFoundByTenantGraderAndConfiguration) {
  Store(*store_, TestGrade(1, "a", 10));
  StoredGrade other = TestGrade(2, "b", 20);
  other.tenant = Tenant("u");
  other.grader = "mine@12345678";
  Store(*store_, other);
  const auto found = [&](const GradeQuery& query) { return IdsOf(*store_->ListGrades(query)); };
  EXPECT_THAT(found({.tenant = "u"}), ElementsAre(TestId(2)));
  EXPECT_THAT(found({.grader = "user-metrics"}), ElementsAre(TestId(1)));
  EXPECT_THAT(found({.config = "c-b"}), ElementsAre(TestId(2)));
  EXPECT_THAT(found({.tenant = "u", .grader = "user-metrics"}), IsEmpty());
}

TEST_P(JobStoreContractTest, AnUpdateThatIsRepeatedGradesOnce) {
  Store(*store_, TestGrade(1, "a", 10));
  JobUpdate again = TestStateUpdate(TestId(1), 2, StoredState::kSucceeded);
  again.grade = TestGrade(1, "a", 99);
  ASSERT_OK(UpdateAndWait(*store_, again));
  ASSERT_OK_AND_ASSIGN(const std::vector<StoredGrade> all, store_->ListGrades({}));
  EXPECT_THAT(all, ElementsAre(TestGrade(1, "a", 10)));
}

TEST_P(JobStoreContractTest, TheLeaderboardRanksConfigurationsByTheirMean) {
  Store(*store_, TestGrade(1, "lucky", 120));
  Store(*store_, TestGrade(2, "lucky", 20));
  Store(*store_, TestGrade(3, "steady", 90));
  Store(*store_, TestGrade(4, "steady", 100));
  StoredGrade elsewhere = TestGrade(5, "elsewhere", 110);
  elsewhere.tenant = Tenant("u");
  Store(*store_, elsewhere);
  ASSERT_OK_AND_ASSIGN(const std::vector<LeaderboardEntry> board,
                       store_->Leaderboard("t", "user-metrics", 10));
  ASSERT_EQ(board.size(), 2u);
  EXPECT_EQ(board[0], (LeaderboardEntry{.name = "steady",
                                        .config = "c-steady",
                                        .attempts = 2,
                                        .total_sum = 190,
                                        .best = 100,
                                        .max = 120,
                                        .best_graded = TestId(104),
                                        .last = TestTime(4),
                                        .tokens_sum = 7000,
                                        .cost_nano_usd_sum = 4'000'000}));
  EXPECT_EQ(board[1].name, "lucky");
  EXPECT_EQ(board[1].best_graded, TestId(101));
  ASSERT_OK_AND_ASSIGN(const std::vector<LeaderboardEntry> all,
                       store_->Leaderboard("", "user-metrics", 1));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].name, "elsewhere");
  EXPECT_THAT(*store_->Leaderboard("t", "another", 10), IsEmpty());
}

TEST_P(JobStoreContractTest, AGradeIsDeletedWithItsJob) {
  StoreAdmin* admin = store_->admin();
  if (admin == nullptr) GTEST_SKIP() << "nothing is deleted here";
  Store(*store_, TestGrade(1, "a", 10));
  Store(*store_, TestGrade(50, "a", 20));
  ASSERT_OK(admin->Prune(TestTime(20), 1000, false));
  ASSERT_OK_AND_ASSIGN(const std::vector<StoredGrade> left, store_->ListGrades({}));
  EXPECT_THAT(IdsOf(left), ElementsAre(TestId(50)));
}

}  // namespace moa
