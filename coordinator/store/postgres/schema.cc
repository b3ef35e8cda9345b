#include "coordinator/store/postgres/schema.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "coordinator/store/postgres/partitions.h"

namespace moa {
namespace {

// Why it is so:
// - Names, ids and texts are bytea: they may hold any bytes, which the type text refuses, and they compare byte by byte
//   whatever the database's collation.
// - Jobs, specs and events are partitioned by id (partitions.h): a unique index cannot span partitions, so idempotency
//   keys have a table of their own.
// - The spec stands apart: a change of state writes a new version of the job's row.
// - Every list, filtered or not, is a merge of at most five ranges (one a state), so that a rare state among a million
//   jobs is found as quickly as a common one.
// - No foreign keys: one owner inserts a job with its spec and first event in one statement.
// - A member of the cluster is a row that its groups of writes lock for sharing (moa_hold): who declares it dead locks
//   it for updating, and so waits for the group that is being committed and stops all later ones. Renewals, which
//   change no key, wait for neither.
// - What a member does with other members' jobs, claiming and releasing, it asks again when it has heard nothing. The
//   first question may still be on its way then: it counts only until the member's next renewal (moa_hold_since), which
//   waits for it when it is being answered.
// - What members decide about each other rests on what they have read, and is refused when that has changed meanwhile
//   (moa_expect): `version` counts the changes.
constexpr char kVersion1[] = R"sql(
CREATE TABLE moa_jobs (
  id bytea PRIMARY KEY,
  tenant bytea NOT NULL,
  name bytea NOT NULL,
  state bigint NOT NULL,
  degraded bigint NOT NULL,
  created_ns bigint NOT NULL,
  ended_ns bigint,
  request_hash bytea NOT NULL,
  owner bigint NOT NULL,
  claim bigint NOT NULL DEFAULT 0
) PARTITION BY RANGE (id);
CREATE TABLE moa_jobs_rest PARTITION OF moa_jobs DEFAULT;
CREATE INDEX moa_jobs_by_state ON moa_jobs (state, created_ns, id);
CREATE INDEX moa_jobs_by_tenant ON moa_jobs (tenant, state, created_ns, id);
CREATE INDEX moa_jobs_by_owner ON moa_jobs (owner, claim, id) WHERE state < 3;
CREATE TABLE moa_keys (
  tenant bytea,
  idempotency_key bytea,
  id bytea NOT NULL,
  PRIMARY KEY (tenant, idempotency_key)
);
CREATE INDEX moa_keys_by_id ON moa_keys (id);
CREATE TABLE moa_specs (
  id bytea PRIMARY KEY,
  spec bytea NOT NULL
) PARTITION BY RANGE (id);
CREATE TABLE moa_specs_rest PARTITION OF moa_specs DEFAULT;
CREATE TABLE moa_events (
  id bytea,
  sequence bigint,
  payload bytea NOT NULL,
  PRIMARY KEY (id, sequence)
) PARTITION BY RANGE (id);
CREATE TABLE moa_events_rest PARTITION OF moa_events DEFAULT;
CREATE TABLE moa_cluster (
  one bigint PRIMARY KEY CHECK (one = 1),
  epoch bigint NOT NULL,
  version bigint NOT NULL,
  probes bigint NOT NULL
);
INSERT INTO moa_cluster VALUES (1, 0, 0, 0);
CREATE TABLE moa_members (
  epoch bigint PRIMARY KEY,
  address bytea NOT NULL,
  host bytea NOT NULL,
  dead bigint NOT NULL,
  renewals bigint NOT NULL,
  jobs bigint NOT NULL,
  renewed_at timestamptz NOT NULL
);
CREATE TABLE moa_quota_shares (
  member bigint,
  quota_key bytea,
  model bytea,
  share bytea NOT NULL,
  PRIMARY KEY (member, quota_key, model)
);
CREATE FUNCTION moa_hold(member bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM moa_members WHERE epoch = member AND dead = 0 FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'coordinator % was declared dead', member USING ERRCODE = 'MOA01';
  END IF;
  RETURN member;
END $$;
CREATE FUNCTION moa_hold_since(member bigint, renewal bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM moa_members WHERE epoch = member AND dead = 0 AND renewals = renewal FOR SHARE;
  IF NOT FOUND THEN
    PERFORM moa_hold(member);
    RAISE EXCEPTION 'coordinator % has renewed its lease since', member USING ERRCODE = 'MOA02';
  END IF;
  RETURN member;
END $$;
CREATE FUNCTION moa_expect(expected bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  UPDATE moa_cluster SET version = version + 1 WHERE version = expected;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the cluster has changed since version %', expected USING ERRCODE = 'MOA02';
  END IF;
  RETURN expected + 1;
END $$;
)sql";

constexpr char kVersion2[] = R"sql(
CREATE TABLE moa_grades (
  id bytea PRIMARY KEY,
  graded bytea NOT NULL,
  tenant bytea NOT NULL,
  grader bytea NOT NULL,
  name bytea NOT NULL,
  config bytea NOT NULL,
  total bigint NOT NULL,
  points_max bigint NOT NULL,
  ended_ns bigint NOT NULL,
  tokens bigint NOT NULL,
  calls bigint NOT NULL,
  cost_nano_usd bigint NOT NULL,
  latency_us bigint NOT NULL
);
CREATE INDEX moa_grades_by_grader ON moa_grades (grader, tenant, name, config, total);
CREATE INDEX moa_grades_by_time ON moa_grades (ended_ns, id);
)sql";

constexpr const char* kMigrations[] = {kVersion1, kVersion2};

// "moa" and a number, for the server's advisory locks, which are those of one database.
constexpr int64_t kMigrationLock = 0x6d6f6100;

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
  absl::Status status = Migrate(session, migrations);
  if (status.ok()) status = MakePartitions(session, absl::Now());
  if (!session.is_broken()) {
    session.QueryText(absl::StrCat("SELECT pg_advisory_unlock(", kMigrationLock, ")"))
        .status()
        .IgnoreError();
  }
  return status;
}

}  // namespace moa
