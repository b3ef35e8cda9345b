#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/status_matchers.h"
#include "coordinator/store/sqlite/database.h"
#include "coordinator/store/sqlite/schema.h"
#include "coordinator/store/sqlite/sqlite_job_store.h"
#include "tests/coordinator/store/store_fixtures.h"

namespace moa {
namespace {

using testing::HasSubstr;

constexpr const char* kFirst = "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1)";
constexpr const char* kSecond = "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1";
constexpr const char* kBroken = "UPDATE a SET x = 99; INSERT INTO missing VALUES (1)";

class StoreSchemaTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(database_,
                         Database::Open(directory_.File("schema.db"), Database::Options()));
  }
  int64_t Version() { return database_->QueryInteger("PRAGMA user_version").value(); }

  TempDirectory directory_;
  std::unique_ptr<Database> database_;
};

TEST_F(StoreSchemaTest, AnEmptyFileGetsEveryVersionInTurn) {
  ASSERT_OK(PrepareSchema(*database_, {kFirst, kSecond}));
  EXPECT_EQ(Version(), 2);
  EXPECT_EQ(database_->QueryInteger("SELECT y FROM a").value(), 2);
  EXPECT_EQ(database_->QueryInteger("PRAGMA application_id").value(), kStoreApplicationId);
}

TEST_F(StoreSchemaTest, AnOlderFileGetsOnlyWhatIsNew) {
  ASSERT_OK(PrepareSchema(*database_, {kFirst}));
  ASSERT_OK(database_->Execute("UPDATE a SET x = 5"));
  ASSERT_OK(PrepareSchema(*database_, {kFirst, kSecond}));
  EXPECT_EQ(Version(), 2);
  EXPECT_EQ(database_->QueryInteger("SELECT y FROM a").value(), 6);
  ASSERT_OK(PrepareSchema(*database_, {kFirst, kSecond}));
  EXPECT_EQ(Version(), 2);
}

TEST_F(StoreSchemaTest, AMigrationThatFailsLeavesTheVersionBefore) {
  ASSERT_OK(PrepareSchema(*database_, {kFirst}));
  EXPECT_THAT(PrepareSchema(*database_, {kFirst, kBroken}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("version 2")));
  EXPECT_EQ(Version(), 1);
  EXPECT_EQ(database_->QueryInteger("SELECT x FROM a").value(), 1);
  EXPECT_FALSE(database_->InTransaction());
  EXPECT_OK(PrepareSchema(*database_, {kFirst, kSecond}));
}

TEST_F(StoreSchemaTest, ANewerFileIsRefused) {
  ASSERT_OK(PrepareSchema(*database_, {kFirst, kSecond}));
  EXPECT_THAT(PrepareSchema(*database_, {kFirst}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("newer version")));
  EXPECT_EQ(Version(), 2);
}

TEST_F(StoreSchemaTest, AFileWithTablesOfOthersIsRefused) {
  ASSERT_OK(database_->Execute("CREATE TABLE theirs (x)"));
  EXPECT_THAT(PrepareSchema(*database_, {kFirst}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another application")));
}

// Lists must never sort or scan: with a million jobs that is the difference between microseconds
// and seconds.
TEST_F(StoreSchemaTest, ListsAreRangesOfAnIndex) {
  ASSERT_OK(PrepareSchema(*database_, StoreMigrations()));
  for (const char* filter : {"state = 3", "tenant = 'a' AND state = 3"}) {
    const std::string sql =
        std::string("EXPLAIN QUERY PLAN SELECT * FROM jobs WHERE ") + filter +
        " AND (created_ns, id) < (5, 'x') ORDER BY created_ns DESC, id DESC LIMIT 10";
    ASSERT_OK_AND_ASSIGN(Statement plan, Statement::Prepare(*database_, sql.c_str()));
    ASSERT_TRUE(plan.Step().value());
    EXPECT_THAT(std::string(plan.Bytes(3)), HasSubstr("SEARCH jobs USING INDEX jobs_by_"));
    EXPECT_THAT(std::string(plan.Bytes(3)), HasSubstr("(created_ns,id)<(?,?)"));
    EXPECT_FALSE(plan.Step().value()) << "a further step, which sorts: " << plan.Bytes(3);
  }
}

// With no time at all nothing is looked at; a store opens all the same.
TEST_F(StoreSchemaTest, TheSearchForDamageIsBounded) {
  ASSERT_OK(PrepareSchema(*database_, StoreMigrations()));
  EXPECT_OK(CheckIntegrity(*database_, absl::ZeroDuration()));
  EXPECT_OK(CheckIntegrity(*database_, absl::Seconds(5)));
}

}  // namespace
}  // namespace moa
