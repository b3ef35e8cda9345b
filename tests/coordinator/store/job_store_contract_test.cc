#include "tests/coordinator/store/job_store_contract.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/loop/mutex.h"
#include "coordinator/store/postgres/postgres_job_store.h"
#include "coordinator/store/sqlite/sqlite_job_store.h"
#include "tests/coordinator/store/memory_job_store.h"
#include "tests/coordinator/store/store_fixtures.h"
#include "tests/postgres/postgres_server.h"

namespace moa {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

NewJob KeyedJob(int64_t n, const std::string& key, const std::string& hash,
                const std::string& tenant = "default") {
  NewJob job = TestJob(n, tenant);
  job.idempotency_key = key;
  job.request_hash = hash;
  return job;
}

}  // namespace

void JobStoreContractTest::SetUp() {
  place_ = GetParam().make_place();
  ASSERT_OK_AND_ASSIGN(store_, place_->Open(nullptr));
}

void JobStoreContractTest::Reopen() {
  if (!place_->durable()) GTEST_SKIP() << "nothing outlives this store";
  store_.reset();
  ASSERT_OK_AND_ASSIGN(store_, place_->Open(nullptr));
}

TEST_P(JobStoreContractTest, ReadsBackEverythingOfAJob) {
  NewJob job = TestJob(7, "acme");
  job.row.created = absl::FromUnixNanos(1'770'000'000'123'456'789);
  ASSERT_OK_AND_ASSIGN(InsertOutcome outcome, InsertAndWait(*store_, job));
  EXPECT_EQ(outcome.id, job.row.id);
  EXPECT_FALSE(outcome.existing);
  EXPECT_TRUE(outcome.same_request);

  ASSERT_OK_AND_ASSIGN(StoredJob stored, store_->Read(job.row.id));
  EXPECT_EQ(stored.row.id, job.row.id);
  EXPECT_EQ(stored.row.tenant, job.row.tenant);
  EXPECT_EQ(stored.row.name, job.row.name);
  EXPECT_EQ(stored.row.state, StoredState::kQueued);
  EXPECT_FALSE(stored.row.degraded);
  EXPECT_EQ(stored.row.created, job.row.created);
  EXPECT_EQ(stored.row.ended, absl::InfinitePast());
  EXPECT_EQ(stored.spec, job.spec);
  ASSERT_THAT(stored.events, SizeIs(1));
  EXPECT_EQ(stored.events[0].sequence, 1u);
  EXPECT_EQ(stored.events[0].payload, job.accepted.payload);
}

TEST_P(JobStoreContractTest, KeepsBytesThatAreNoText) {
  const std::string bytes("a\0b\xff\xfe\xf0\x9f end", 12);
  NewJob job = TestJob(1);
  job.row.tenant = Tenant(bytes);
  job.row.name = bytes;
  job.idempotency_key = bytes;
  job.request_hash = bytes;
  job.spec = Text(bytes);
  job.accepted.payload = Text();
  ASSERT_OK(InsertAndWait(*store_, job));
  ASSERT_OK(UpdateAndWait(*store_, TestUpdate(job.row.id, 2, bytes)));

  ASSERT_OK_AND_ASSIGN(StoredJob stored, store_->Read(job.row.id));
  EXPECT_EQ(stored.row.tenant.value(), bytes);
  EXPECT_EQ(stored.row.name, bytes);
  EXPECT_EQ(stored.spec.view(), bytes);
  ASSERT_THAT(stored.events, SizeIs(2));
  EXPECT_TRUE(stored.events[0].payload.empty());
  EXPECT_EQ(stored.events[1].payload.view(), bytes);
  JobQuery query;
  query.tenant = bytes;
  ASSERT_OK_AND_ASSIGN(std::vector<JobRow> rows, store_->List(query));
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].id, job.row.id);
  ASSERT_OK_AND_ASSIGN(InsertOutcome again, InsertAndWait(*store_, job));
  EXPECT_TRUE(again.existing);
  EXPECT_TRUE(again.same_request);
}

TEST_P(JobStoreContractTest, KeepsATextOfTwentyMebibytes) {
  NewJob job = TestJob(1);
  job.spec = Text(std::string(20 << 20, 'x'));
  ASSERT_OK(InsertAndWait(*store_, job));
  ASSERT_OK_AND_ASSIGN(StoredJob stored, store_->Read(job.row.id));
  EXPECT_TRUE(stored.spec == job.spec);
}

TEST_P(JobStoreContractTest, AJobThatDoesNotExistIsNotFound) {
  EXPECT_THAT(store_->Read(TestId(1)), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->ReadEvents(TestId(1), 0), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(JobStoreContractTest, ReadsTheEventsAfterASequence) {
  ASSERT_OK(InsertAndWait(*store_, TestJob(1)));
  ASSERT_OK(InsertAndWait(*store_, TestJob(2)));
  for (uint64_t sequence = 2; sequence <= 5; ++sequence) {
    ASSERT_OK(UpdateAndWait(*store_, TestUpdate(TestId(1), sequence, absl::StrCat(sequence))));
  }
  ASSERT_OK_AND_ASSIGN(std::vector<StoredEvent> events, store_->ReadEvents(TestId(1), 3));
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].sequence, 4u);
  EXPECT_EQ(events[0].payload.view(), "4");
  EXPECT_EQ(events[1].sequence, 5u);
  ASSERT_OK_AND_ASSIGN(events, store_->ReadEvents(TestId(1), 5));
  EXPECT_THAT(events, IsEmpty());
  ASSERT_OK_AND_ASSIGN(events, store_->ReadEvents(TestId(1), UINT64_MAX));
  EXPECT_THAT(events, IsEmpty());
}

TEST_P(JobStoreContractTest, AnUpdateChangesStateAndFlagsOfTheRow) {
  ASSERT_OK(InsertAndWait(*store_, TestJob(1)));
  ASSERT_OK(UpdateAndWait(*store_, TestStateUpdate(TestId(1), 2, StoredState::kRunning)));
  JobUpdate degraded = TestUpdate(TestId(1), 3);
  degraded.degraded = true;
  ASSERT_OK(UpdateAndWait(*store_, degraded));
  ASSERT_OK_AND_ASSIGN(StoredJob stored, store_->Read(TestId(1)));
  EXPECT_EQ(stored.row.state, StoredState::kRunning);
  EXPECT_TRUE(stored.row.degraded);
  EXPECT_EQ(stored.row.ended, absl::InfinitePast());

  ASSERT_OK(UpdateAndWait(*store_, TestStateUpdate(TestId(1), 4, StoredState::kSucceeded)));
  ASSERT_OK_AND_ASSIGN(stored, store_->Read(TestId(1)));
  EXPECT_EQ(stored.row.state, StoredState::kSucceeded);
  EXPECT_TRUE(stored.row.degraded) << "an update without the flag cleared it";
  EXPECT_EQ(stored.row.ended, TestTime(1'000'000));
}

TEST_P(JobStoreContractTest, ATerminalStateIsFinal) {
  ASSERT_OK(InsertAndWait(*store_, TestJob(1)));
  ASSERT_OK(UpdateAndWait(*store_, TestStateUpdate(TestId(1), 2, StoredState::kCancelled)));
  ASSERT_OK(UpdateAndWait(*store_, TestStateUpdate(TestId(1), 3, StoredState::kSucceeded)));
  ASSERT_OK_AND_ASSIGN(StoredJob stored, store_->Read(TestId(1)));
  EXPECT_EQ(stored.row.state, StoredState::kCancelled);
}

TEST_P(JobStoreContractTest, AnEventIsNeverOverwritten) {
  ASSERT_OK(InsertAndWait(*store_, TestJob(1)));
  ASSERT_OK(UpdateAndWait(*store_, TestUpdate(TestId(1), 2, "first")));
  ASSERT_OK(UpdateAndWait(*store_, TestUpdate(TestId(1), 2, "second")));
  ASSERT_OK_AND_ASSIGN(std::vector<StoredEvent> events, store_->ReadEvents(TestId(1), 1));
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].payload.view(), "first");
}

TEST_P(JobStoreContractTest, AnUpdateOfAJobThatIsNotHeldChangesNothing) {
  ASSERT_OK(UpdateAndWait(*store_, TestStateUpdate(TestId(1), 2, StoredState::kRunning)));
  EXPECT_THAT(store_->Read(TestId(1)), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(std::vector<JobId> unfinished, store_->ListUnfinished());
  EXPECT_THAT(unfinished, IsEmpty());
}

TEST_P(JobStoreContractTest, ATakenIdIsRefusedWithoutHarmToItsNeighbours) {
  ASSERT_OK(InsertAndWait(*store_, TestJob(1, "first")));
  EXPECT_THAT(InsertAndWait(*store_, TestJob(1, "second")),
              StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK(InsertAndWait(*store_, TestJob(2)));
  ASSERT_OK_AND_ASSIGN(StoredJob stored, store_->Read(TestId(1)));
  EXPECT_EQ(stored.row.tenant.value(), "first");
}

TEST_P(JobStoreContractTest, AKeyNamesTheFirstJobOfItsTenant) {
  ASSERT_OK(InsertAndWait(*store_, KeyedJob(1, "key", "hash")));
  ASSERT_OK_AND_ASSIGN(InsertOutcome same, InsertAndWait(*store_, KeyedJob(2, "key", "hash")));
  EXPECT_EQ(same.id, TestId(1));
  EXPECT_TRUE(same.existing);
  EXPECT_TRUE(same.same_request);
  ASSERT_OK_AND_ASSIGN(InsertOutcome other, InsertAndWait(*store_, KeyedJob(3, "key", "else")));
  EXPECT_EQ(other.id, TestId(1));
  EXPECT_TRUE(other.existing);
  EXPECT_FALSE(other.same_request);
  ASSERT_OK_AND_ASSIGN(InsertOutcome tenant,
                       InsertAndWait(*store_, KeyedJob(4, "key", "hash", "other tenant")));
  EXPECT_FALSE(tenant.existing);
  EXPECT_EQ(tenant.id, TestId(4));
  EXPECT_THAT(store_->Read(TestId(2)), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->Read(TestId(3)), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(JobStoreContractTest, JobsWithoutAKeyAreNeverTheSame) {
  ASSERT_OK_AND_ASSIGN(InsertOutcome first, InsertAndWait(*store_, KeyedJob(1, "", "hash")));
  ASSERT_OK_AND_ASSIGN(InsertOutcome second, InsertAndWait(*store_, KeyedJob(2, "", "hash")));
  EXPECT_FALSE(first.existing);
  EXPECT_FALSE(second.existing);
}

// Two hundred inserts of one key, which share groups with one another, from four threads.
TEST_P(JobStoreContractTest, ConcurrentInsertsOfOneKeyMakeOneJob) {
  constexpr int kThreads = 4;
  constexpr int kEach = 50;
  Mutex mutex;
  std::vector<InsertOutcome> outcomes;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        store_->Insert(KeyedJob(thread * kEach + i, "key", "hash"),
                       [&](absl::StatusOr<InsertOutcome> outcome) {
                         ASSERT_OK(outcome);
                         MutexLock lock(mutex);
                         outcomes.push_back(*std::move(outcome));
                       });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(WaitUntil([&] {
    MutexLock lock(mutex);
    return outcomes.size() == kThreads * kEach;
  }));
  std::set<JobId> ids;
  int created = 0;
  for (const InsertOutcome& outcome : outcomes) {
    ids.insert(outcome.id);
    created += outcome.existing ? 0 : 1;
    EXPECT_TRUE(outcome.same_request);
  }
  EXPECT_THAT(ids, SizeIs(1));
  EXPECT_EQ(created, 1);
  ASSERT_OK_AND_ASSIGN(std::vector<JobRow> rows, store_->List(JobQuery()));
  EXPECT_THAT(rows, SizeIs(1));
}

TEST_P(JobStoreContractTest, CallbacksRunInTheOrderOfTheWrites) {
  Mutex mutex;
  std::vector<int> order;
  const auto put = [&](int n) {
    MutexLock lock(mutex);
    order.push_back(n);
  };
  for (int n = 0; n < 100; ++n) {
    store_->Insert(TestJob(n), [&put, n](absl::StatusOr<InsertOutcome>) { put(2 * n); });
    store_->Update(TestUpdate(TestId(n), 2), [&put, n] { put(2 * n + 1); });
  }
  ASSERT_OK(store_->Close(absl::Seconds(30)));
  ASSERT_THAT(order, SizeIs(200));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_P(JobStoreContractTest, EpochsGrowOverReopening) {
  ASSERT_OK_AND_ASSIGN(const uint64_t first, store_->NextEpoch());
  ASSERT_OK_AND_ASSIGN(const uint64_t second, store_->NextEpoch());
  EXPECT_GT(first, 0u);
  EXPECT_GT(second, first);
  Reopen();
  if (IsSkipped() || HasFatalFailure()) return;
  ASSERT_OK_AND_ASSIGN(const uint64_t third, store_->NextEpoch());
  EXPECT_GT(third, second);
}

TEST_P(JobStoreContractTest, EpochsOfConcurrentCallersAreDistinct) {
  Mutex mutex;
  std::set<uint64_t> epochs;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        ASSERT_OK_AND_ASSIGN(const uint64_t epoch, store_->NextEpoch());
        MutexLock lock(mutex);
        epochs.insert(epoch);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(epochs, SizeIs(40));
}

TEST_P(JobStoreContractTest, EverythingIsThereAfterReopening) {
  ASSERT_OK(InsertAndWait(*store_, KeyedJob(1, "key", "hash")));
  ASSERT_OK(UpdateAndWait(*store_, TestStateUpdate(TestId(1), 2, StoredState::kRunning)));
  Reopen();
  if (IsSkipped() || HasFatalFailure()) return;
  ASSERT_OK_AND_ASSIGN(StoredJob stored, store_->Read(TestId(1)));
  EXPECT_EQ(stored.row.state, StoredState::kRunning);
  EXPECT_THAT(stored.events, SizeIs(2));
  ASSERT_OK_AND_ASSIGN(InsertOutcome again, InsertAndWait(*store_, KeyedJob(2, "key", "hash")));
  EXPECT_EQ(again.id, TestId(1));
}

TEST_P(JobStoreContractTest, CloseCommitsWhatWasGivenAndRunsItsCallbacks) {
  std::atomic<int> done{0};
  for (int n = 0; n < 500; ++n) {
    store_->Insert(TestJob(n), [&](absl::StatusOr<InsertOutcome> outcome) {
      if (outcome.ok()) ++done;
    });
  }
  ASSERT_OK(store_->Close(absl::Seconds(30)));
  EXPECT_EQ(done, 500);
  EXPECT_EQ(store_->PendingWrites(), 0u);
  Reopen();
  if (IsSkipped() || HasFatalFailure()) return;
  ASSERT_OK_AND_ASSIGN(std::vector<JobId> unfinished, store_->ListUnfinished());
  EXPECT_THAT(unfinished, SizeIs(500));
}

TEST_P(JobStoreContractTest, AClosedStoreRefusesWritesAndStillReads) {
  ASSERT_OK(InsertAndWait(*store_, TestJob(1)));
  ASSERT_OK(store_->Close(absl::Seconds(30)));
  ASSERT_OK(store_->Close(absl::Seconds(30)));
  EXPECT_THAT(InsertAndWait(*store_, TestJob(2)), StatusIs(absl::StatusCode::kUnavailable));
  bool ran = false;
  store_->Update(TestUpdate(TestId(1), 2), [&] { ran = true; });
  EXPECT_FALSE(ran) << "the callback promises that the update is durable";
  EXPECT_THAT(store_->NextEpoch(), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK_AND_ASSIGN(StoredJob stored, store_->Read(TestId(1)));
  EXPECT_THAT(stored.events, SizeIs(1));
}

// While four threads read, one job gets its events: every read sees a prefix of them without gaps,
// and a state that agrees with them.
TEST_P(JobStoreContractTest, ReadsSeeOneConsistentState) {
  ASSERT_OK(InsertAndWait(*store_, TestJob(1)));
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0};
  std::vector<std::thread> readers;
  for (int thread = 0; thread < 4; ++thread) {
    readers.emplace_back([&] {
      while (!stop) {
        absl::StatusOr<StoredJob> job = store_->Read(TestId(1));
        ASSERT_OK(job);
        for (size_t i = 0; i < job->events.size(); ++i) ASSERT_EQ(job->events[i].sequence, i + 1);
        ASSERT_EQ(job->row.state == StoredState::kRunning, job->events.size() > 1);
        absl::StatusOr<std::vector<JobRow>> rows = store_->List(JobQuery());
        ASSERT_OK(rows);
        ASSERT_THAT(*rows, SizeIs(1));
        ++reads;
      }
    });
  }
  ASSERT_OK(UpdateAndWait(*store_, TestStateUpdate(TestId(1), 2, StoredState::kRunning)));
  for (uint64_t sequence = 3; sequence < 100; ++sequence) {
    ASSERT_OK(UpdateAndWait(*store_, TestUpdate(TestId(1), sequence)));
  }
  EXPECT_TRUE(WaitUntil([&] { return reads >= 20; }));
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_P(JobStoreContractTest, HandsCallbacksOverInGroups) {
  store_.reset();
  place_ = GetParam().make_place();
  Mutex mutex;
  std::vector<size_t> groups;
  size_t ran = 0;
  ASSERT_OK_AND_ASSIGN(store_, place_->Open([&](std::vector<JobStore::Callback> callbacks) {
    MutexLock lock(mutex);
    groups.push_back(callbacks.size());
    for (JobStore::Callback& callback : callbacks) callback();
  }));
  for (int n = 0; n < 1000; ++n) {
    store_->Insert(TestJob(n), [&](absl::StatusOr<InsertOutcome>) { ++ran; });
  }
  ASSERT_OK(store_->Close(absl::Seconds(30)));
  EXPECT_EQ(ran, 1000u);
  size_t sum = 0;
  for (const size_t group : groups) {
    EXPECT_GT(group, 0u);
    sum += group;
  }
  EXPECT_EQ(sum, 1000u);
}

namespace {

class SqlitePlace : public StorePlace {
 public:
  absl::StatusOr<std::unique_ptr<JobStore>> Open(JobStore::CallbackRunner runner) override {
    SqliteJobStoreOptions options;
    options.writer.run_callbacks = std::move(runner);
    return OpenSqliteJobStore(directory_.File("jobs.db"), std::move(options));
  }
  bool durable() const override { return true; }

 private:
  TempDirectory directory_;
};

class PostgresPlace : public StorePlace {
 public:
  absl::StatusOr<std::unique_ptr<JobStore>> Open(JobStore::CallbackRunner runner) override {
    PostgresJobStoreOptions options;
    options.writer.run_callbacks = std::move(runner);
    return OpenPostgresJobStore(url_, std::move(options));
  }
  bool durable() const override { return true; }

 private:
  // One for all tests that run in this process.
  static PostgresServer& Server() {
    static PostgresServer server;
    return server;
  }
  const std::string url_ = Server().NewDatabase();
};

class MemoryPlace : public StorePlace {
 public:
  absl::StatusOr<std::unique_ptr<JobStore>> Open(JobStore::CallbackRunner runner) override {
    return std::unique_ptr<JobStore>(std::make_unique<MemoryJobStore>(std::move(runner)));
  }
  bool durable() const override { return false; }
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(
    , JobStoreContractTest,
    testing::Values(StoreKind{"Sqlite", [] { return std::make_unique<SqlitePlace>(); }},
                    StoreKind{"Postgres", [] { return std::make_unique<PostgresPlace>(); }},
                    StoreKind{"Memory", [] { return std::make_unique<MemoryPlace>(); }}),
    [](const testing::TestParamInfo<StoreKind>& kind) { return kind.param.name; });

}  // namespace moa
