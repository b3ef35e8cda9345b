#include "coordinator/store/postgres/postgres_admin.h"

#include <algorithm>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "coordinator/store/postgres/partitions.h"

namespace moa {
namespace {

// Deleted in one short transaction.
constexpr size_t kBatchMax = 200;

absl::StatusOr<uint64_t> NumberOf(Session& session, const std::string& sql) {
  MOA_ASSIGN_OR_RETURN(const std::string text, session.QueryText(sql));
  uint64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) return absl::DataLossError("a count that is no number");
  return number;
}

std::string Old(absl::Time before) {
  const int64_t ns = absl::ToUnixNanos(before);
  return absl::StrCat("FROM moa_jobs WHERE state IN (3, 4, 5) AND created_ns < ", ns,
                      " AND ended_ns < ", ns);
}

}  // namespace

absl::StatusOr<StoreAdmin::Space> PostgresAdmin::SpaceUsed() {
  MOA_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, Session::Connect(url_));
  Space space;
  MOA_ASSIGN_OR_RETURN(space.used_bytes,
                       NumberOf(*session, "SELECT pg_database_size(current_database())"));
  return space;
}

absl::StatusOr<uint64_t> PostgresAdmin::Prune(absl::Time before, size_t limit, bool dry_run) {
  MOA_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, Session::Connect(url_));
  if (dry_run) return NumberOf(*session, absl::StrCat("SELECT count(*) ", Old(before)));
  // Whole weeks by dropping their tables, the rest row by row.
  MOA_ASSIGN_OR_RETURN(uint64_t deleted, DropPartitions(*session, before, false));
  while (deleted < limit) {
    const size_t batch = std::min(kBatchMax, limit - deleted);
    MOA_ASSIGN_OR_RETURN(
        const uint64_t some,
        NumberOf(
            *session,
            absl::StrCat("WITH old AS (SELECT id ", Old(before), " LIMIT ", batch, "),",
                         " e AS (DELETE FROM moa_events USING old WHERE moa_events.id = old.id),"
                         " s AS (DELETE FROM moa_specs USING old WHERE moa_specs.id = old.id),"
                         " k AS (DELETE FROM moa_keys USING old WHERE moa_keys.id = old.id),"
                         " g AS (DELETE FROM moa_grades USING old WHERE moa_grades.id = old.id),"
                         " j AS (DELETE FROM moa_jobs USING old WHERE moa_jobs.id = old.id"
                         " RETURNING 1) SELECT count(*) FROM j")));
    deleted += some;
    if (some < batch) break;
  }
  return deleted;
}

absl::Status PostgresAdmin::Backup(const std::string&) {
  return absl::FailedPreconditionError(
      "a store in PostgreSQL is backed up by PostgreSQL's own tools: pg_dump, or a base backup "
      "with "
      "its log (docs/operations.md)");
}

}  // namespace moa
