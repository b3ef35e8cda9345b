#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/loop/mutex.h"
#include "coordinator/store/sqlite/sqlite_job_store.h"
#include "tests/coordinator/store/faulty_vfs.h"
#include "tests/coordinator/store/store_fixtures.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using Operation = FaultyVfs::Operation;

class StoreFaultTest : public testing::Test {
 protected:
  SqliteJobStoreOptions Options() {
    SqliteJobStoreOptions options;
    options.database.vfs = vfs_.name();
    options.writer.retry_delay_min = absl::Milliseconds(1);
    options.writer.retry_delay_max = absl::Milliseconds(5);
    return options;
  }
  absl::StatusOr<std::unique_ptr<JobStore>> Open() { return OpenSqliteJobStore(path_, Options()); }

  FaultyVfs vfs_;
  TempDirectory directory_;
  const std::string path_ = directory_.File("jobs.db");
};

TEST_F(StoreFaultTest, AFullDiskRefusesInsertsAndKeepsUpdatesInOrder) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  ASSERT_OK(InsertAndWait(*store, TestJob(1)));
  EXPECT_OK(store->Health());

  vfs_.Fail(Operation::kWrite, SQLITE_FULL);
  EXPECT_THAT(InsertAndWait(*store, TestJob(2)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk is full")));
  Mutex mutex;
  std::vector<uint64_t> done;
  for (uint64_t sequence = 2; sequence <= 5; ++sequence) {
    store->Update(TestUpdate(TestId(1), sequence), [&, sequence] {
      MutexLock lock(mutex);
      done.push_back(sequence);
    });
  }
  EXPECT_THAT(InsertAndWait(*store, TestJob(3)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(store->NextEpoch(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(store->Health(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(path_)));
  EXPECT_EQ(store->PendingWrites(), 4u);
  ASSERT_OK_AND_ASSIGN(StoredJob job, store->Read(TestId(1)));
  EXPECT_THAT(job.events, SizeIs(1)) << "reads go on, and see only what is durable";
  {
    MutexLock lock(mutex);
    EXPECT_TRUE(done.empty());
  }

  vfs_.Heal();
  ASSERT_TRUE(WaitUntil([&] { return store->PendingWrites() == 0; }));
  ASSERT_OK(InsertAndWait(*store, TestJob(4)));
  EXPECT_OK(store->Health());
  EXPECT_EQ(done, std::vector<uint64_t>({2, 3, 4, 5}));
  ASSERT_OK_AND_ASSIGN(job, store->Read(TestId(1)));
  EXPECT_THAT(job.events, SizeIs(5));
  EXPECT_THAT(store->Read(TestId(2)), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(StoreFaultTest, HealthRecoversWithoutTraffic) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  vfs_.Fail(Operation::kSync, SQLITE_IOERR_FSYNC);
  EXPECT_THAT(InsertAndWait(*store, TestJob(1)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("input/output error")));
  EXPECT_FALSE(store->Health().ok());
  vfs_.Heal();
  EXPECT_TRUE(WaitUntil([&] { return store->Health().ok(); }));
}

// An update follows its job's insert without waiting for it, and the insert fails.
TEST_F(StoreFaultTest, AnUpdateBehindAFailedInsertIsDropped) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  vfs_.HoldSyncs();
  absl::Cleanup release = [this] { vfs_.Release(); };  // before the store closes
  store->Insert(TestJob(1), [](absl::StatusOr<InsertOutcome>) {});
  ASSERT_TRUE(WaitUntil([&] { return vfs_.held_syncs() == 1; }));
  std::atomic<bool> failed{false};
  store->Insert(TestJob(2), [&](absl::StatusOr<InsertOutcome> outcome) { failed = !outcome.ok(); });
  std::atomic<bool> updated{false};
  store->Update(TestUpdate(TestId(2), 2), [&] { updated = true; });
  vfs_.Fail(Operation::kWrite, SQLITE_FULL);
  vfs_.Release();
  ASSERT_TRUE(WaitUntil([&] { return failed.load(); }));
  vfs_.Heal();
  ASSERT_TRUE(WaitUntil([&] { return updated.load(); }));
  EXPECT_THAT(store->Read(TestId(2)), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(StoreFaultTest, CloseGivesUpWhenTheDiskRefuses) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  ASSERT_OK(InsertAndWait(*store, TestJob(1)));
  vfs_.Fail(Operation::kWrite, SQLITE_FULL);
  std::atomic<bool> updated{false};
  store->Update(TestUpdate(TestId(1), 2), [&] { updated = true; });
  EXPECT_THAT(store->Close(absl::Milliseconds(20)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(store->Close(absl::Milliseconds(20)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  store.reset();
  EXPECT_FALSE(updated) << "the callback of an update that was never durable";
  vfs_.Heal();
  ASSERT_OK_AND_ASSIGN(store, Open());
  ASSERT_OK_AND_ASSIGN(StoredJob job, store->Read(TestId(1)));
  EXPECT_THAT(job.events, SizeIs(1));
}

TEST_F(StoreFaultTest, CloseDoesNotWaitForADiskThatDoesNotAnswer) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  vfs_.HoldSyncs();
  absl::Cleanup release = [this] { vfs_.Release(); };  // before the store closes
  store->Insert(TestJob(1), [](absl::StatusOr<InsertOutcome>) {});
  EXPECT_THAT(store->Close(absl::Milliseconds(20)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  vfs_.Release();
  EXPECT_OK(store->Close(absl::Seconds(30)));
}

// While the disk holds one sync up, a hundred writes gather: they are committed with one further
// sync.
TEST_F(StoreFaultTest, WritesThatWaitShareOneSyncAndReadsDoNotWait) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  ASSERT_OK(InsertAndWait(*store, TestJob(0)));
  vfs_.HoldSyncs();
  absl::Cleanup release = [this] { vfs_.Release(); };  // before the store closes
  std::atomic<int> done{0};
  const auto count = [&](absl::StatusOr<InsertOutcome> outcome) { done += outcome.ok() ? 1 : 0; };
  store->Insert(TestJob(1), count);
  ASSERT_TRUE(WaitUntil([&] { return vfs_.held_syncs() == 1; }));
  for (int n = 2; n <= 100; ++n) store->Insert(TestJob(n), count);
  ASSERT_OK_AND_ASSIGN(std::vector<JobRow> rows, store->List(JobQuery()));
  EXPECT_THAT(rows, SizeIs(1));
  EXPECT_EQ(done, 0) << "acknowledged before the sync";
  const int before = vfs_.syncs();
  vfs_.Release();
  ASSERT_TRUE(WaitUntil([&] { return done == 100; }));
  EXPECT_EQ(vfs_.syncs() - before, 2);
}

TEST_F(StoreFaultTest, InsertsBeyondTheLimitAreRefusedAndUpdatesAreNot) {
  SqliteJobStoreOptions options = Options();
  options.writer.pending_writes_max = 10;
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, OpenSqliteJobStore(path_, options));
  vfs_.HoldSyncs();
  absl::Cleanup release = [this] { vfs_.Release(); };  // before the store closes
  std::atomic<int> accepted{0};
  for (int n = 0; n < 10; ++n) {
    store->Insert(TestJob(n),
                  [&](absl::StatusOr<InsertOutcome> outcome) { accepted += outcome.ok() ? 1 : 0; });
  }
  EXPECT_THAT(InsertAndWait(*store, TestJob(10)), StatusIs(absl::StatusCode::kResourceExhausted));
  std::atomic<bool> updated{false};
  store->Update(TestUpdate(TestId(0), 2), [&] { updated = true; });
  vfs_.Release();
  ASSERT_TRUE(WaitUntil([&] { return accepted == 10 && updated; }));
}

TEST_F(StoreFaultTest, AJobBeyondTheLimitOfBytesIsRefused) {
  SqliteJobStoreOptions options = Options();
  options.writer.write_bytes_max = 1000;
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, OpenSqliteJobStore(path_, options));
  NewJob job = TestJob(1);
  job.spec = Text(std::string(1000, 'x'));
  EXPECT_THAT(InsertAndWait(*store, job), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(InsertAndWait(*store, TestJob(2)));
}

// One round of the sweep below. Returns whether the fault was met.
struct SweptFault {
  std::string name;
  Operation operation;
  int code;
  bool forever;
};

void PrintTo(const SweptFault& fault, std::ostream* out) { *out << fault.name; }

class FaultSweepTest : public StoreFaultTest, public testing::WithParamInterface<SweptFault> {
 protected:
  bool Round(const std::string& path, int skip) {
    vfs_.Fail(GetParam().operation, GetParam().code, skip, GetParam().forever);
    absl::StatusOr<std::unique_ptr<JobStore>> store = OpenSqliteJobStore(path, Options());
    if (!store.ok()) {
      EXPECT_THAT(std::string(store.status().message()), HasSubstr(path));
      vfs_.Heal();
      EXPECT_TRUE(vfs_.HasFailed());
      EXPECT_OK(OpenSqliteJobStore(path, Options())) << "after an open that failed at " << skip;
      return true;
    }
    std::set<JobId> accepted;
    std::atomic<int> updates{0};
    for (int n = 0; n < 3; ++n) {
      absl::StatusOr<InsertOutcome> outcome = InsertAndWait(**store, TestJob(n));
      if (outcome.ok()) {
        accepted.insert(outcome->id);
        ++updates;
        (*store)->Update(TestStateUpdate(outcome->id, 2, StoredState::kRunning),
                         [&] { --updates; });
      } else {
        EXPECT_THAT(outcome, StatusIs(absl::StatusCode::kUnavailable));
      }
    }
    vfs_.Heal();
    EXPECT_TRUE(WaitUntil([&] { return updates == 0 && (*store)->Health().ok(); }));
    store->reset();
    Verify(path, accepted);
    return vfs_.HasFailed();
  }

  void Verify(const std::string& path, const std::set<JobId>& accepted) {
    ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, OpenSqliteJobStore(path, Options()));
    for (int n = 0; n < 3; ++n) {
      absl::StatusOr<StoredJob> job = store->Read(TestId(n));
      if (accepted.count(TestId(n)) == 0) {
        EXPECT_THAT(job, StatusIs(absl::StatusCode::kNotFound));
        continue;
      }
      ASSERT_OK(job);
      EXPECT_EQ(job->row.state, StoredState::kRunning);
      EXPECT_THAT(job->events, SizeIs(2));
    }
  }
};

// Each operation in turn fails, from the first of an open that makes the file to the last of the
// workload; what was accepted is there afterwards, what was refused is not, and nothing hangs.
TEST_P(FaultSweepTest, NothingAcceptedIsLostWhereverTheFaultStrikes) {
  constexpr int kOperationsMax = 1000;
  int skip = 0;
  while (skip < kOperationsMax) {
    const std::string path = directory_.File(absl::StrCat("jobs-", skip, ".db"));
    const bool met = Round(path, skip);
    if (HasFailure()) FAIL() << "with the fault at operation " << skip;
    if (!met) break;
    ++skip;
  }
  EXPECT_GT(skip, 5) << "the sweep met hardly any operations";
  EXPECT_LT(skip, kOperationsMax);
}

INSTANTIATE_TEST_SUITE_P(
    , FaultSweepTest,
    testing::Values(
        SweptFault{"DiskStaysFull", Operation::kWrite, SQLITE_FULL, true},
        SweptFault{"OneWriteFails", Operation::kWrite, SQLITE_IOERR_WRITE, false},
        SweptFault{"DiskFillsUpWithinWrites", Operation::kShortWrite, SQLITE_FULL, true},
        SweptFault{"OneWriteIsCutShort", Operation::kShortWrite, SQLITE_IOERR_WRITE, false},
        SweptFault{"EverySyncFails", Operation::kSync, SQLITE_IOERR_FSYNC, true},
        SweptFault{"OneSyncFails", Operation::kSync, SQLITE_IOERR_FSYNC, false},
        SweptFault{"EveryReadFails", Operation::kRead, SQLITE_IOERR_READ, true},
        SweptFault{"OneReadFails", Operation::kRead, SQLITE_IOERR_READ, false}),
    [](const testing::TestParamInfo<SweptFault>& fault) { return fault.param.name; });

// The power fails while four threads write: the image that it leaves opens, and holds everything
// that had been acknowledged, without gaps.
TEST_F(StoreFaultTest, APowerCutLosesNothingAcknowledged) {
  constexpr int kCuts = 12;
  std::mt19937_64 random(20261121);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  Mutex mutex;
  std::vector<JobId> acknowledged;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int64_t n = 0; !stop && n < 100'000; ++n) {
        const NewJob job = TestJob(thread * 1'000'000 + n);
        ASSERT_OK(InsertAndWait(*store, job));
        ASSERT_OK(UpdateAndWait(*store, TestUpdate(job.row.id, 2)));
        MutexLock lock(mutex);
        acknowledged.push_back(job.row.id);
      }
    });
  }
  for (int cut = 0; cut < kCuts; ++cut) {
    std::vector<JobId> expected;
    const auto enough = static_cast<size_t>(cut * 20 + 1);
    EXPECT_TRUE(WaitUntil([&] {
      MutexLock lock(mutex);
      expected = acknowledged;
      return acknowledged.size() >= enough;
    }));
    TempDirectory image;
    vfs_.WritePowerCutImage(image.path(), random);
    absl::StatusOr<std::unique_ptr<JobStore>> found =
        OpenSqliteJobStore(image.File("jobs.db"), SqliteJobStoreOptions());
    EXPECT_OK(found) << "cut " << cut;
    if (!found.ok()) break;
    for (const JobId& id : expected) {
      absl::StatusOr<StoredJob> job = (*found)->Read(id);
      EXPECT_OK(job) << "cut " << cut;
      if (job.ok()) {
        EXPECT_THAT(job->events, SizeIs(2)) << "cut " << cut;
      }
    }
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace moa
