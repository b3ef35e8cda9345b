// What opening a store in PostgreSQL refuses, and with which words.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/status_matchers.h"
#include "coordinator/store/open.h"
#include "coordinator/store/postgres/postgres_job_store.h"
#include "coordinator/store/postgres/schema.h"
#include "tests/coordinator/store/store_fixtures.h"
#include "tests/postgres/postgres_server.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class PostgresOpenTest : public testing::Test {
 protected:
  static absl::StatusOr<std::unique_ptr<JobStore>> Open(const std::string& url) {
    return OpenJobStore(url, {});
  }

  static std::string Value(Session& session, const std::string& sql) {
    const absl::StatusOr<std::string> value = session.QueryText(sql);
    return value.ok() ? *value : std::string(value.status().message());
  }

  PostgresServer server_;
};

TEST_F(PostgresOpenTest, SaysWhatIsWrongWithoutThePassword) {
  EXPECT_THAT(
      Open("postgres://moa:secret@127.0.0.1:1/moa"),
      StatusIs(absl::StatusCode::kUnavailable,
               AllOf(HasSubstr("127.0.0.1"), HasSubstr("refused"), Not(HasSubstr("secret")))));
  EXPECT_THAT(Open(server_.Url("nowhere")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"nowhere\" does not exist")));
  EXPECT_THAT(Open("postgres://moa:secret@[::1/moa"),
              StatusIs(absl::StatusCode::kInvalidArgument, Not(HasSubstr("secret"))));
}

TEST_F(PostgresOpenTest, WhoMayNotMakeTablesIsToldSo) {
  server_.Execute("CREATE ROLE guest LOGIN");
  server_.NewDatabase();
  std::string url = server_.Url("jobs1");
  url.replace(url.find("moa@"), 4, "guest@");
  EXPECT_THAT(Open(url), StatusIs(absl::StatusCode::kPermissionDenied,
                                  HasSubstr("permission denied for schema public")));
}

TEST_F(PostgresOpenTest, TablesOfANewerVersionAreLeftAlone) {
  const std::string url = server_.NewDatabase();
  ASSERT_OK(Open(url));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Session> session, Session::Connect(url));
  ASSERT_OK(session->Execute("UPDATE moa_schema SET version = 99"));
  EXPECT_TRUE(WaitUntil([&] {
    const absl::Status status = Open(url).status();
    return status.message().find("have version 99 and this program knows 1 to 2") !=
           std::string::npos;
  }));
}

TEST_F(PostgresOpenTest, MigratesStepByStepAndAFailedStepChangesNothing) {
  const std::string url = server_.NewDatabase();
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Session> session, Session::Connect(url));
  const char* const first = PostgresMigrations()[0];
  const char* const bad[] = {first, "CREATE TABLE moa_more (a bigint); SELECT nonsense;"};
  EXPECT_THAT(PreparePostgresSchema(*session, bad),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("while migrating to version 2")));
  EXPECT_EQ(Value(*session, "SELECT version FROM moa_schema"), "1");
  EXPECT_FALSE(session->QueryText("SELECT a FROM moa_more").ok());
  const char* const good[] = {first,
                              "CREATE TABLE moa_more (a bigint); INSERT INTO moa_more VALUES (7);"};
  EXPECT_OK(PreparePostgresSchema(*session, good));
  EXPECT_OK(PreparePostgresSchema(*session, good));
  EXPECT_EQ(Value(*session, "SELECT a FROM moa_more"), "7");
}

TEST_F(PostgresOpenTest, CommitsAreOnDiskWhateverTheServersDefault) {
  server_.Execute("ALTER SYSTEM SET synchronous_commit = off");
  server_.Execute("SELECT pg_reload_conf()");
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Session> session,
                       Session::Connect(server_.NewDatabase()));
  EXPECT_EQ(Value(*session, "SHOW synchronous_commit"), "on");
}

}  // namespace
}  // namespace moa
