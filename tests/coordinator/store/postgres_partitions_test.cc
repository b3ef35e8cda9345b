// Jobs lie in partitions of a week: new ones are there in time, and old ones go as a whole.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_matchers.h"
#include "coordinator/store/postgres/partitions.h"
#include "coordinator/store/postgres/postgres_job_store.h"
#include "coordinator/store/postgres/session.h"
#include "tests/coordinator/store/store_fixtures.h"
#include "tests/postgres/postgres_server.h"

namespace moa {
namespace {

constexpr absl::Duration kWeek = absl::Hours(7 * 24);

TEST(IdPrefixTest, IsWhatIdsOfThatTimeBeginWith) {
  // Of the id 01M8D24S20WF785SG64V0GG9JH, which common/net/random_id made at that time.
  const absl::Time time = absl::FromUnixMillis(1'795'734'791'232);
  EXPECT_EQ(IdPrefix(time), "01M8D24S20");
  EXPECT_LT(IdPrefix(time), IdPrefix(time + absl::Milliseconds(1)));
}

class PostgresPartitionsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, OpenPostgresJobStore(url_, {}));
    ASSERT_OK_AND_ASSIGN(session_, Session::Connect(url_));
  }
  // A job that was made at `time` and, unless it is not to, has ended a minute later.
  JobId Add(absl::Time time, bool ends = true) {
    NewJob job = TestJob(++jobs_);
    job.row.id = JobId(absl::StrCat(IdPrefix(time), TestId(jobs_).value().substr(10)));
    job.row.created = time;
    job.idempotency_key = job.row.name;
    EXPECT_OK(InsertAndWait(*store_, job));
    if (ends) {
      JobUpdate end = TestStateUpdate(job.row.id, 2, StoredState::kSucceeded);
      end.ended = time + absl::Minutes(1);
      EXPECT_OK(UpdateAndWait(*store_, std::move(end)));
    }
    return job.row.id;
  }
  std::string Value(const std::string& sql) { return session_->QueryText(sql).value(); }

  PostgresServer server_;
  const std::string url_ = server_.NewDatabase();
  std::unique_ptr<JobStore> store_;
  std::unique_ptr<Session> session_;
  int64_t jobs_ = 0;
};

TEST_F(PostgresPartitionsTest, JobsOfTodayAndOfTheNextWeeksHaveOneOfTheirOwn) {
  Add(absl::Now());
  Add(absl::Now() + 3 * kWeek);
  EXPECT_EQ(Value("SELECT count(*) FROM moa_jobs_rest"), "0");
  EXPECT_EQ(Value("SELECT count(*) FROM moa_events_rest"), "0");
  Add(absl::Now() + 300 * kWeek);
  EXPECT_EQ(Value("SELECT count(*) FROM moa_jobs_rest"), "1");
  EXPECT_OK(MakePartitions(*session_, absl::Now())) << "all are there";
  EXPECT_EQ(Value("SELECT count(*) FROM moa_jobs"), "3");
}

TEST_F(PostgresPartitionsTest, AWeekOfEndedJobsIsDroppedAsAWholeWithItsKeys) {
  const absl::Time long_ago = absl::Now() - 20 * kWeek;
  ASSERT_OK(MakePartitions(*session_, long_ago));
  const JobId old = Add(long_ago);
  Add(long_ago);
  const JobId later = Add(absl::Now());
  const absl::Time before = absl::Now() - 10 * kWeek;
  EXPECT_EQ(DropPartitions(*session_, before, true).value(), 2u);
  EXPECT_OK(store_->Read(old));
  EXPECT_EQ(DropPartitions(*session_, before, false).value(), 2u);
  EXPECT_THAT(store_->Read(old), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(store_->Read(later));
  EXPECT_EQ(Value("SELECT count(*) FROM moa_keys"), "1");
  EXPECT_EQ(Value("SELECT count(*) FROM moa_events"), "2");
  EXPECT_EQ(DropPartitions(*session_, before, false).value(), 0u);
}

TEST_F(PostgresPartitionsTest, AWeekWithAnUnfinishedOrALateJobStays) {
  const absl::Time long_ago = absl::Now() - 20 * kWeek;
  ASSERT_OK(MakePartitions(*session_, long_ago));
  Add(long_ago);
  const JobId unfinished = Add(long_ago, false);
  const absl::Time before = absl::Now() - 10 * kWeek;
  EXPECT_EQ(DropPartitions(*session_, before, false).value(), 0u);
  JobUpdate end = TestStateUpdate(unfinished, 2, StoredState::kSucceeded);
  end.ended = absl::Now();
  ASSERT_OK(UpdateAndWait(*store_, std::move(end)));
  EXPECT_EQ(DropPartitions(*session_, before, false).value(), 0u) << "it ended just now";
  EXPECT_OK(store_->Read(unfinished));
}

}  // namespace
}  // namespace moa
