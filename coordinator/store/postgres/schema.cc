#include "coordinator/store/postgres/schema.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace moa {
namespace {

// Why it is so:
// - Names, ids and texts are bytea: they may hold any bytes, which the type text refuses, and they compare byte by byte
//   whatever the database's collation.
// - A job has a number (`job`) because 8 bytes in every event and index are cheaper than its id.
// - The spec stands apart: a change of state writes a new version of the job's row.
// - Every list, filtered or not, is a merge of at most five ranges (one a state), so that a rare state among a million
//   jobs is found as quickly as a common one.
// - No foreign keys: one owner inserts a job with its spec and first event in one statement.
constexpr char kVersion1[] = R"sql(
CREATE TABLE moa_jobs (
  job bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id bytea NOT NULL UNIQUE,
  tenant bytea NOT NULL,
  name bytea NOT NULL,
  state bigint NOT NULL,
  degraded bigint NOT NULL,
  created_ns bigint NOT NULL,
  ended_ns bigint,
  idempotency_key bytea,
  request_hash bytea NOT NULL
);
CREATE INDEX moa_jobs_by_state ON moa_jobs (state, created_ns, id);
CREATE INDEX moa_jobs_by_tenant ON moa_jobs (tenant, state, created_ns, id);
CREATE UNIQUE INDEX moa_jobs_by_key ON moa_jobs (tenant, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE TABLE moa_specs (
  job bigint PRIMARY KEY,
  spec bytea NOT NULL
);
CREATE TABLE moa_events (
  job bigint,
  sequence bigint,
  payload bytea NOT NULL,
  PRIMARY KEY (job, sequence)
);
CREATE TABLE moa_owner (
  one bigint PRIMARY KEY CHECK (one = 1),
  epoch bigint NOT NULL,
  probes bigint NOT NULL
);
INSERT INTO moa_owner VALUES (1, 0, 0);
)sql";

constexpr const char* kMigrations[] = {kVersion1};

// "moa" and a number, for the server's advisory locks, which are those of one database.
constexpr int64_t kMigrationLock = 0x6d6f6100;
constexpr int64_t kOwnerLock = 0x6d6f6101;

absl::StatusOr<int64_t> VersionOf(Session& session) {
  MOA_RETURN_IF_ERROR(session.Execute(
      "CREATE TABLE IF NOT EXISTS moa_schema (one bigint PRIMARY KEY CHECK (one = 1),"
      " version bigint NOT NULL); INSERT INTO moa_schema VALUES (1, 0) ON CONFLICT DO NOTHING"));
  MOA_ASSIGN_OR_RETURN(const std::string text, session.QueryText("SELECT version FROM moa_schema"));
  int64_t version = 0;
  if (!absl::SimpleAtoi(text, &version)) return absl::DataLossError("moa_schema has no version");
  return version;
}

absl::Status Migrate(Session& session, absl::Span<const char* const> migrations) {
  MOA_ASSIGN_OR_RETURN(const int64_t version, VersionOf(session));
  const auto newest = static_cast<int64_t>(migrations.size());
  if (version > newest) {
    return absl::FailedPreconditionError(absl::StrCat("the store's tables have version ", version,
                                                      " and this program knows 1 to ", newest,
                                                      ": run the newer version that wrote them"));
  }
  for (int64_t next = version + 1; next <= newest; ++next) {
    const absl::Status status =
        session.Execute(absl::StrCat("BEGIN;", migrations[static_cast<size_t>(next - 1)],
                                     "UPDATE moa_schema SET version = ", next, "; COMMIT"));
    if (status.ok()) continue;
    if (!session.is_broken()) session.Execute("ROLLBACK").IgnoreError();
    return absl::Status(
        status.code(),
        absl::StrCat(status.message(), " (while migrating to version ", next, " of the tables)"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Span<const char* const> PostgresMigrations() { return kMigrations; }

absl::Status PreparePostgresSchema(Session& session, absl::Span<const char* const> migrations) {
  MOA_RETURN_IF_ERROR(
      session.QueryText(absl::StrCat("SELECT pg_advisory_lock(", kMigrationLock, ")")).status());
  const absl::Status status = Migrate(session, migrations);
  if (!session.is_broken()) {
    session.QueryText(absl::StrCat("SELECT pg_advisory_unlock(", kMigrationLock, ")"))
        .status()
        .IgnoreError();
  }
  return status;
}

absl::Status TakeOwnership(Session& session, absl::Duration patience) {
  MOA_ASSIGN_OR_RETURN(
      const std::string taken,
      session.QueryText(absl::StrCat("SELECT pg_try_advisory_lock(", kOwnerLock, ")")));
  if (taken == "t") return absl::OkStatus();
  if (patience > absl::ZeroDuration()) {
    MOA_RETURN_IF_ERROR(
        session.Execute(absl::StrCat("SET lock_timeout = ", absl::ToInt64Milliseconds(patience))));
    const absl::Status waited =
        session.Execute(absl::StrCat("SELECT pg_advisory_lock(", kOwnerLock, ")"));
    MOA_RETURN_IF_ERROR(session.Execute("SET lock_timeout = 0"));
    if (waited.ok()) return absl::OkStatus();
  }
  // Of locks on one number of 64 bits, its halves are classid and objid.
  const absl::StatusOr<std::string> who = session.QueryText(absl::StrCat(
      "SELECT coalesce(application_name, '') || ' at ' ||"
      " coalesce(host(client_addr), 'this host') || ', since ' || backend_start::timestamp(0)"
      " FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory'"
      " AND classid = 0 AND objsubid = 1 AND granted AND objid = ",
      kOwnerLock,
      " AND pg_locks.database = (SELECT oid FROM pg_database"
      " WHERE datname = current_database()) LIMIT 1"));
  return absl::FailedPreconditionError(absl::StrCat("the store is in use by another coordinator (",
                                                    who.ok() ? *who : "nobody says which one",
                                                    "): stop that one, or name another database"));
}

}  // namespace moa
