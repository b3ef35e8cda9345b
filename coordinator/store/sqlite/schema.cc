#include "coordinator/store/sqlite/schema.h"

#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/loop/loop.h"

namespace moa {
namespace {

// Why it is so:
// - A job has a number (`job`) because 8 bytes in every index entry and event are cheaper than its
// id.
// - `spec` stands apart: a change of state rewrites the job's row, and would copy the spec with it.
// - Every list, filtered or not, is a merge of at most five ranges (one a state) of jobs_by_state
// or
//   jobs_by_tenant, so that a rare state among a million jobs is found as quickly as a common one.
// - No foreign keys: one writer inserts a job with its spec in one transaction, and nothing is
// deleted.
constexpr char kVersion1[] = R"sql(
CREATE TABLE jobs (
  job INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  state INTEGER NOT NULL,
  degraded INTEGER NOT NULL,
  created_ns INTEGER NOT NULL,
  ended_ns INTEGER,
  idempotency_key TEXT,
  request_hash BLOB NOT NULL
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, created_ns, id);
CREATE INDEX jobs_by_tenant ON jobs (tenant, state, created_ns, id);
CREATE UNIQUE INDEX jobs_by_key ON jobs (tenant, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE TABLE specs (
  job INTEGER PRIMARY KEY,
  spec BLOB NOT NULL
) STRICT;
CREATE TABLE events (
  job_and_sequence INTEGER PRIMARY KEY,
  payload BLOB NOT NULL
) STRICT;
CREATE TABLE owner (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  epoch INTEGER NOT NULL,
  probes INTEGER NOT NULL
) STRICT;
INSERT INTO owner VALUES (1, 0, 0);
)sql";

// - A tenant's grades of one grader are looked through as a whole: they are few beside the jobs.
constexpr char kVersion2[] = R"sql(
CREATE TABLE grades (
  id TEXT PRIMARY KEY,
  graded TEXT NOT NULL,
  tenant TEXT NOT NULL,
  grader TEXT NOT NULL,
  name TEXT NOT NULL,
  config TEXT NOT NULL,
  total INTEGER NOT NULL,
  points_max INTEGER NOT NULL,
  ended_ns INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  latency_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grades_by_grader ON grades (grader, tenant, name, config, total);
CREATE INDEX grades_by_time ON grades (ended_ns, id);
)sql";

// Read whole in well under a second from a warm disk.
constexpr int64_t kFullCheckBytesMax = 256 << 20;

constexpr const char* kMigrations[] = {kVersion1, kVersion2};

absl::Status ForeignFileError(const Database& database, absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat("store ", database.path(), ": ", what,
                   "; nothing was changed: choose another path for the store"));
}

absl::Status Migrate(Database& database, const char* sql, int64_t version) {
  MOA_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  const std::string all = absl::StrCat(sql, "; PRAGMA application_id = ", kStoreApplicationId,
                                       "; PRAGMA user_version = ", version, "; COMMIT");
  absl::Status status = database.Execute(all.c_str());
  // The first error counts; the roll-back can only say the same again.
  if (database.InTransaction()) database.Execute("ROLLBACK").IgnoreError();
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), " (while migrating to version ",
                                                  version, " of the schema)"));
}

}  // namespace

absl::Span<const char* const> StoreMigrations() { return kMigrations; }

absl::Status CheckOwner(Database& database, absl::Span<const char* const> migrations) {
  MOA_ASSIGN_OR_RETURN(const int64_t application, database.QueryInteger("PRAGMA application_id"));
  MOA_ASSIGN_OR_RETURN(const int64_t version, database.QueryInteger("PRAGMA user_version"));
  const int64_t newest = static_cast<int64_t>(migrations.size());
  if (application == kStoreApplicationId) {
    if (version >= 1 && version <= newest) return absl::OkStatus();
    return ForeignFileError(database,
                            absl::StrCat("the file has version ", version,
                                         " of the schema and this program knows 1 to ", newest,
                                         ": run the newer version that wrote it"));
  }
  MOA_ASSIGN_OR_RETURN(const int64_t objects,
                       database.QueryInteger("SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && version == 0 && objects == 0) return absl::OkStatus();
  return ForeignFileError(database, "the file is another application's database");
}

absl::Status PrepareSchema(Database& database, absl::Span<const char* const> migrations) {
  MOA_RETURN_IF_ERROR(CheckOwner(database, migrations));
  MOA_ASSIGN_OR_RETURN(const int64_t version, database.QueryInteger("PRAGMA user_version"));
  const int64_t newest = static_cast<int64_t>(migrations.size());
  for (int64_t next = version + 1; next <= newest; ++next) {
    MOA_RETURN_IF_ERROR(Migrate(database, migrations[static_cast<size_t>(next - 1)], next));
  }
  return absl::OkStatus();
}

absl::Status CheckIntegrity(Database& database, absl::Duration time_max) {
  MOA_ASSIGN_OR_RETURN(const int64_t pages, database.QueryInteger("PRAGMA page_count"));
  MOA_ASSIGN_OR_RETURN(const int64_t page_bytes, database.QueryInteger("PRAGMA page_size"));
  absl::Time deadline = Loop::Now() + time_max;
  constexpr int kStepsBetweenLooks = 1000;
  sqlite3_progress_handler(
      database.handle(), kStepsBetweenLooks,
      [](void* until) { return Loop::Now() >= *static_cast<absl::Time*>(until) ? 1 : 0; },
      &deadline);
  absl::Cleanup remove = [&] { sqlite3_progress_handler(database.handle(), 0, nullptr, nullptr); };
  // quick_check walks each tree without looking at the handler, so that only small files get it.
  // Of large ones the newest rows are read: where the unfinished jobs are.
  const char* const whole[] = {"PRAGMA quick_check(1)"};
  const char* const newest[] = {
      "SELECT 'ok' FROM (SELECT sum(length(id) + length(request_hash)) FROM"
      " (SELECT * FROM jobs ORDER BY job DESC LIMIT 200000))",
      "SELECT 'ok' FROM (SELECT sum(length(payload)) FROM"
      " (SELECT * FROM events ORDER BY job_and_sequence DESC))"};
  const bool small = pages * page_bytes <= kFullCheckBytesMax;
  for (const char* sql : small ? absl::MakeConstSpan(whole) : absl::MakeConstSpan(newest)) {
    MOA_ASSIGN_OR_RETURN(Statement check, Statement::Prepare(database, sql));
    const absl::StatusOr<bool> found = check.Step();
    if (!found.ok()) {
      if (absl::IsAborted(found.status())) return absl::OkStatus();  // the time is over
      return found.status();
    }
    if (!*found || check.Bytes(0) != "ok") {
      const absl::Status damaged = database.ErrorOf(SQLITE_CORRUPT);
      return absl::Status(damaged.code(), absl::StrCat(damaged.message(), ": ",
                                                       *found ? check.Bytes(0) : "no answer"));
    }
  }
  return absl::OkStatus();
}

}  // namespace moa
