// A server that ends connections, restarts, or takes no writes: what was acknowledged is there, what was refused is
// not, and everything goes on by itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/status_matchers.h"
#include "common/loop/mutex.h"
#include "coordinator/store/postgres/postgres_job_store.h"
#include "coordinator/store/postgres/session.h"
#include "tests/coordinator/store/store_fixtures.h"
#include "tests/postgres/postgres_server.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class PostgresFaultTest : public testing::Test {
 protected:
  static PostgresJobStoreOptions Options() {
    PostgresJobStoreOptions options;
    options.writer.retry_delay_min = absl::Milliseconds(1);
    options.writer.retry_delay_max = absl::Milliseconds(20);
    return options;
  }
  void Open() {
    ASSERT_OK_AND_ASSIGN(store_, OpenPostgresJobStore(server_.Url("jobs1"), Options()));
  }
  void SetUp() override {
    server_.NewDatabase();
    Open();
  }

  PostgresServer server_;
  std::unique_ptr<JobStore> store_;
};

TEST_F(PostgresFaultTest, AnEndedConnectionCostsNothing) {
  ASSERT_OK(InsertAndWait(*store_, TestJob(1)));
  ASSERT_OK(store_->Read(TestId(1)));
  server_.EndConnections("jobs1");
  EXPECT_OK(store_->Read(TestId(1))) << "reads connect anew";
  EXPECT_OK(UpdateAndWait(*store_, TestUpdate(TestId(1), 2)));
  EXPECT_OK(store_->Health());
  server_.EndConnections("jobs1");
  // Its commit was cut off as far as the writer knows: it finds out what became of it.
  EXPECT_OK(InsertAndWait(*store_, TestJob(2)));
  ASSERT_OK_AND_ASSIGN(const StoredJob job, store_->Read(TestId(1)));
  EXPECT_THAT(job.events, SizeIs(2));
}

TEST_F(PostgresFaultTest, WhileTheServerIsDownInsertsAreRefusedAndUpdatesWait) {
  ASSERT_OK(InsertAndWait(*store_, TestJob(1)));
  server_.Stop();
  std::atomic<bool> updated = false;
  store_->Update(TestUpdate(TestId(1), 2), [&] { updated = true; });
  EXPECT_TRUE(WaitUntil([&] { return !store_->Health().ok(); }));
  EXPECT_THAT(InsertAndWait(*store_, TestJob(2)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(store_->Read(TestId(1)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(updated);
  server_.Start();
  EXPECT_TRUE(WaitUntil([&] { return updated.load(); }));
  EXPECT_TRUE(WaitUntil([&] { return store_->Health().ok(); }));
  EXPECT_OK(InsertAndWait(*store_, TestJob(3)));
  EXPECT_THAT(store_->Read(TestId(2)), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PostgresFaultTest, AServerThatTakesNoWritesIsUnhealthyUntilItDoes) {
  ASSERT_OK(InsertAndWait(*store_, TestJob(1)));
  server_.Stop();
  server_.Start({"default_transaction_read_only=on"});
  // The commit of the first that meets the lost connection is in doubt, and waits.
  store_->Update(TestUpdate(TestId(1), 2), {});
  EXPECT_TRUE(WaitUntil([&] { return !store_->Health().ok(); }));
  EXPECT_TRUE(WaitUntil([&] {
    return store_->Health().message().find("read-only") != std::string::npos;
  })) << store_->Health();
  EXPECT_THAT(InsertAndWait(*store_, TestJob(2)), StatusIs(absl::StatusCode::kUnavailable));
  server_.Stop();
  server_.Start();
  EXPECT_TRUE(WaitUntil([&] { return store_->Health().ok(); }));
  EXPECT_OK(InsertAndWait(*store_, TestJob(2)));
}

// Neither an answer nor an error: nothing is acknowledged, and nobody waits who could go elsewhere.
TEST_F(PostgresFaultTest, AServerThatHangsIsMissedAndAcknowledgesNothing) {
  store_ = nullptr;
  PostgresJobStoreOptions options = Options();
  options.writer.stall_limit = absl::Milliseconds(100);
  ASSERT_OK_AND_ASSIGN(store_, OpenPostgresJobStore(server_.Url("jobs1"), options));
  ASSERT_OK(InsertAndWait(*store_, TestJob(1)));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Session> other,
                       Session::Connect(server_.Url("jobs1")));
  ASSERT_OK(other->Execute(
      "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE moa_events"));
  std::atomic<bool> answered = false;
  store_->Insert(TestJob(2), [&](absl::StatusOr<InsertOutcome> outcome) {
    EXPECT_OK(outcome);
    answered = true;
  });
  EXPECT_TRUE(WaitUntil([&] { return !store_->Health().ok(); }));
  EXPECT_THAT(store_->Health().message(), HasSubstr("has not answered"));
  EXPECT_THAT(InsertAndWait(*store_, TestJob(3)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(answered);
  ASSERT_OK(other->Execute("ROLLBACK"));
  EXPECT_TRUE(WaitUntil([&] { return answered.load(); }));
  EXPECT_OK(store_->Health());
}

// Something on the way has forgotten the connection, and nobody says so.
TEST_F(PostgresFaultTest, AServerThatNeverAnswersIsGivenUpWithItsConnection) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Session> session,
                       Session::Connect(server_.Url("jobs1")));
  ASSERT_OK(session->Execute("CREATE TABLE mine (a bigint)"));
  const StatementText statement = {"INSERT INTO mine VALUES ($1)", "i"};
  ASSERT_OK(session->Prepare({&statement, 1}));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Session> other,
                       Session::Connect(server_.Url("jobs1")));
  ASSERT_OK(
      other->Execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE mine"));
  session->SetAnswerTimeout(absl::Milliseconds(100));
  const Session::Command insert = {0, {Parameter::Integer(1)}};
  EXPECT_THAT(session->RunTransaction({&insert, 1}, Session::Access::kReadWrite),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("has not answered")));
  EXPECT_TRUE(session->is_broken());
}

// A connection may be lost at any moment of a commit. Whatever the caller was told is true.
TEST_F(PostgresFaultTest, WhatWasAcknowledgedIsThereAndWhatWasRefusedIsNot) {
  constexpr int kJobs = 3000;
  constexpr int kAcknowledged = 100;  // however slow the machine is, until so many were
  Mutex mutex;
  std::set<int64_t> acknowledged;
  std::set<int64_t> refused;
  std::atomic<int> inserted = 0;
  std::atomic<int> confirmed = 0;
  std::atomic<int> answered = 0;
  std::thread inserts([&] {
    for (int64_t n = 0; n < kJobs || (n < 100 * kJobs && confirmed <= kAcknowledged); ++n) {
      ++inserted;
      NewJob job = TestJob(n);
      if (n % 2 == 0) job.idempotency_key = job.row.name;
      store_->Insert(std::move(job), [&, n](absl::StatusOr<InsertOutcome> outcome) {
        MutexLock lock(mutex);
        (outcome.ok() ? acknowledged : refused).insert(n);
        if (outcome.ok()) {
          EXPECT_EQ(outcome->id, TestId(n));
          EXPECT_FALSE(outcome->existing) << n;
          ++confirmed;
        }
        ++answered;
      });
      if (n % 20 == 0) absl::SleepFor(absl::Milliseconds(1));
    }
  });
  for (int i = 0; i < 20; ++i) {
    server_.EndConnections("jobs1");
    absl::SleepFor(absl::Milliseconds(7));
  }
  server_.Kill();
  server_.Start();
  inserts.join();
  ASSERT_TRUE(WaitUntil([&] { return answered == inserted; }));
  ASSERT_OK_AND_ASSIGN(const std::vector<JobId> stored, store_->ListUnfinished());
  const std::set<JobId> there(stored.begin(), stored.end());
  MutexLock lock(mutex);
  EXPECT_EQ(there.size(), acknowledged.size());
  for (const int64_t n : acknowledged) EXPECT_TRUE(there.contains(TestId(n))) << n;
  for (const int64_t n : refused) EXPECT_FALSE(there.contains(TestId(n))) << n;
  EXPECT_GT(acknowledged.size(), size_t{kAcknowledged});
}

}  // namespace
}  // namespace moa
