#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/loop/loop.h"
#include "coordinator/store/open.h"
#include "coordinator/store/sqlite/sqlite_job_store.h"
#include "tests/coordinator/store/store_fixtures.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class StoreOpenTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<JobStore>> Open() {
    return OpenSqliteJobStore(path_, SqliteJobStoreOptions());
  }
  // A store of `jobs` jobs with specs of 1 kB, closed.
  void MakeStore(int jobs) {
    ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
    for (int n = 0; n < jobs; ++n) {
      NewJob job = TestJob(n);
      job.spec = Text(std::string(1000, 'a'));
      store->Insert(std::move(job), [](absl::StatusOr<InsertOutcome>) {});
    }
    ASSERT_OK(store->Close(absl::Seconds(30)));
  }
  // Opening fails with `code`, names the path and `words`, and leaves the file as it was.
  void ExpectRefusedUnchanged(absl::StatusCode code, const std::string& words) {
    const std::string before = ReadFileBytes(path_);
    for (int attempt = 0; attempt < 2; ++attempt) {
      EXPECT_THAT(Open(), StatusIs(code, AllOf(HasSubstr(path_), HasSubstr(words))));
    }
    EXPECT_TRUE(ReadFileBytes(path_) == before) << "the file was changed";
  }
  void Sql(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  TempDirectory directory_;
  std::string path_ = directory_.File("jobs.db");
};

TEST_F(StoreOpenTest, ASecondOpenInTheSameProcessIsRefused) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr(path_), HasSubstr("this process"))));
  store.reset();
  EXPECT_OK(Open());
}

TEST_F(StoreOpenTest, OneFileHasOneLockUnderAllItsNames) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  std::filesystem::create_symlink(path_, directory_.File("link.db"));
  EXPECT_THAT(OpenSqliteJobStore(directory_.File("link.db"), SqliteJobStoreOptions()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("in use")));
  EXPECT_THAT(OpenSqliteJobStore(directory_.File("./jobs.db"), SqliteJobStoreOptions()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("in use")));
}

TEST_F(StoreOpenTest, ClosingLeavesOneFileAndItsLock) {
  MakeStore(10);
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal"));
  EXPECT_FALSE(std::filesystem::exists(path_ + "-shm"));
  EXPECT_TRUE(std::filesystem::exists(path_ + ".lock"));
}

TEST_F(StoreOpenTest, AnEmptyFileBecomesAStore) {
  WriteFileBytes(path_, "");
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  EXPECT_OK(InsertAndWait(*store, TestJob(1)));
}

TEST_F(StoreOpenTest, AMissingDirectoryIsNotCreated) {
  path_ = directory_.File("typing-eror/jobs.db");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path_)));
  EXPECT_FALSE(std::filesystem::exists(directory_.File("typing-eror")));
}

TEST_F(StoreOpenTest, PathsThatAreNoFilesAreRefused) {
  const auto open = [](const std::string& path) {
    return OpenSqliteJobStore(path, SqliteJobStoreOptions());
  };
  EXPECT_THAT(open(""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(open(std::string("a\0b", 3)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(open(directory_.path()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("a directory")));
  EXPECT_THAT(open(directory_.File("missing/")), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(open("/dev/null"), StatusIs(absl::StatusCode::kFailedPrecondition));
  WriteFileBytes(directory_.File("file"), "x");
  EXPECT_THAT(open(directory_.File("file/jobs.db")), Not(IsOk()));
  EXPECT_THAT(open("/" + std::string(5000, 'x')), Not(IsOk()));
}

TEST_F(StoreOpenTest, FilesThatAreNoDatabasesAreRefusedUnchanged) {
  for (const std::string& bytes : {std::string("prompt: hello\n"), std::string(100'000, '\0'),
                                   std::string("SQLite format 3"), std::string(1, '\0')}) {
    WriteFileBytes(path_, bytes);
    ExpectRefusedUnchanged(absl::StatusCode::kFailedPrecondition, "not a database");
    EXPECT_FALSE(std::filesystem::exists(path_ + "-wal"));
  }
}

TEST_F(StoreOpenTest, AnotherApplicationsDatabaseIsRefusedUnchanged) {
  Sql("CREATE TABLE notes (t TEXT); INSERT INTO notes VALUES ('mine')");
  ExpectRefusedUnchanged(absl::StatusCode::kFailedPrecondition, "another application");
  Sql("PRAGMA application_id = 4242");
  ExpectRefusedUnchanged(absl::StatusCode::kFailedPrecondition, "another application");
}

TEST_F(StoreOpenTest, ANewerVersionsFileIsRefusedUnchanged) {
  MakeStore(1);
  Sql("PRAGMA user_version = 999");
  ExpectRefusedUnchanged(absl::StatusCode::kFailedPrecondition, "999");
}

TEST_F(StoreOpenTest, ATruncatedFileIsRefusedUnchanged) {
  MakeStore(200);
  const std::string bytes = ReadFileBytes(path_);
  WriteFileBytes(path_, bytes.substr(0, bytes.size() / 2));
  ExpectRefusedUnchanged(absl::StatusCode::kDataLoss, "damaged");
  WriteFileBytes(path_, bytes.substr(0, 5000));
  ExpectRefusedUnchanged(absl::StatusCode::kDataLoss, "damaged");
}

TEST_F(StoreOpenTest, AFileCutToNothingBesideItsLogIsRefused) {
  WriteFileBytes(path_, "");
  WriteFileBytes(path_ + "-wal", "the log");
  ExpectRefusedUnchanged(absl::StatusCode::kDataLoss, "truncated");
  EXPECT_EQ(ReadFileBytes(path_ + "-wal"), "the log");
}

TEST_F(StoreOpenTest, AGarbledHeaderIsRefusedUnchanged) {
  MakeStore(200);
  std::string bytes = ReadFileBytes(path_);
  bytes.replace(0, 100, std::string(100, '\xa5'));
  WriteFileBytes(path_, bytes);
  ExpectRefusedUnchanged(absl::StatusCode::kFailedPrecondition, "beginning is damaged");
}

// Each page of a small store in turn is garbled, of the first one all but the header.
TEST_F(StoreOpenTest, GarbledPagesAreRefusedUnchanged) {
  MakeStore(50);
  const std::string good = ReadFileBytes(path_);
  constexpr size_t kPageBytes = 4096;
  ASSERT_GT(good.size(), 10 * kPageBytes);
  for (size_t page = 0; page < good.size() / kPageBytes; ++page) {
    std::string bytes = good;
    const size_t from = page == 0 ? 100 : page * kPageBytes;
    const size_t size = (page + 1) * kPageBytes - from;
    bytes.replace(from, size, std::string(size, '\xa5'));
    WriteFileBytes(path_, bytes);
    ExpectRefusedUnchanged(absl::StatusCode::kDataLoss, "damaged");
    if (HasFailure()) FAIL() << "with page " << page << " garbled";
  }
}

// A store that its process left with a log, and whose file was damaged since: the log is not moved
// in.
TEST_F(StoreOpenTest, ADamagedFileWithALogIsLeftAsItIs) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  for (int n = 0; n < 50; ++n) ASSERT_OK(InsertAndWait(*store, TestJob(n)));
  const std::string log = ReadFileBytes(path_ + "-wal");
  ASSERT_FALSE(log.empty());
  store.reset();
  std::string bytes = ReadFileBytes(path_);
  bytes.resize(4096 * 2);
  bytes.replace(4096, 4096, std::string(4096, '\xa5'));
  // The log holds every page, so that only its absence shows the damage: keep a part without them.
  WriteFileBytes(path_, bytes);
  WriteFileBytes(path_ + "-wal", log.substr(0, 32));
  ExpectRefusedUnchanged(absl::StatusCode::kDataLoss, "damaged");
  EXPECT_EQ(ReadFileBytes(path_ + "-wal"), log.substr(0, 32));
}

TEST_F(StoreOpenTest, AnotherProgramsLockIsWaitedForOnlySoLong) {
  MakeStore(1);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  SqliteJobStoreOptions options;
  options.database.busy_timeout = absl::Milliseconds(10);
  options.writer.retry_delay_min = absl::Milliseconds(1);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, OpenSqliteJobStore(path_, options));
  EXPECT_THAT(InsertAndWait(*store, TestJob(2)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("another program")));
  ASSERT_EQ(sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_TRUE(WaitUntil([&] { return store->Health().ok(); }));
  EXPECT_OK(InsertAndWait(*store, TestJob(2)));
}

// A file system of its own in memory, of a size of its own.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& directory) : directory_(directory) {
    mounted_ = mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=1m") == 0;
    error_ = errno;
  }
  ~SmallDisk() {
    if (mounted_) umount2(directory_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  std::string error() const { return strerror(error_); }
  bool Change(unsigned long flags, const char* options) {
    return mount("tmpfs", directory_.c_str(), "tmpfs", MS_REMOUNT | flags, options) == 0;
  }

 private:
  const std::string directory_;
  bool mounted_;
  int error_;
};

TEST_F(StoreOpenTest, ARealFullDiskRefusesInsertsUntilThereIsSpace) {
  SmallDisk disk(directory_.path());
  if (!disk.mounted()) GTEST_SKIP() << "cannot mount a small file system here: " << disk.error();
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store, Open());
  int accepted = 0;
  absl::Status refused;
  for (int n = 0; n < 1000 && refused.ok(); ++n) {
    NewJob job = TestJob(n);
    job.spec = Text(std::string(20'000, 'x'));
    refused = InsertAndWait(*store, std::move(job)).status();
    accepted += refused.ok() ? 1 : 0;
  }
  EXPECT_GT(accepted, 0);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk is full")));
  bool updated = false;
  JobUpdate update = TestUpdate(TestId(0), 2, std::string(100'000, 'y'));
  store->Update(std::move(update), [&] { updated = true; });
  ASSERT_TRUE(disk.Change(0, "size=64m"));
  ASSERT_TRUE(WaitUntil([&] { return store->PendingWrites() == 0 && store->Health().ok(); }));
  ASSERT_OK(store->Close(absl::Seconds(30)));
  EXPECT_TRUE(updated);
  store.reset();
  ASSERT_OK_AND_ASSIGN(store, Open());
  ASSERT_OK_AND_ASSIGN(std::vector<JobId> jobs, store->ListUnfinished());
  EXPECT_THAT(jobs, SizeIs(accepted));
}

TEST_F(StoreOpenTest, AReadOnlyFileSystemIsRefusedInWords) {
  SmallDisk disk(directory_.path());
  if (!disk.mounted()) GTEST_SKIP() << "cannot mount a small file system here: " << disk.error();
  MakeStore(1);
  ASSERT_TRUE(disk.Change(MS_RDONLY, "size=1m"));
  ExpectRefusedUnchanged(absl::StatusCode::kPermissionDenied, "Read-only file system");
  path_ = directory_.File("new.db");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(path_)));
}

TEST_F(StoreOpenTest, ADirectoryWithoutPermissionIsRefused) {
  if (geteuid() == 0) GTEST_SKIP() << "permissions do not stop root";
  ASSERT_EQ(chmod(directory_.path().c_str(), 0500), 0);
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(path_)));
  chmod(directory_.path().c_str(), 0700);
}

TEST_F(StoreOpenTest, AddressesOfStoresAreTakenApart) {
  EXPECT_OK(OpenJobStore("sqlite:" + path_, {}));
  EXPECT_THAT(OpenJobStore("sqlite:", {}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(OpenJobStore("sqlite::memory:", {}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(OpenJobStore(path_, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("sqlite:PATH")));
  EXPECT_THAT(OpenJobStore("postgres:u:secret@host/db", {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("postgres://"), Not(HasSubstr("secret")))));
}

}  // namespace
}  // namespace moa
