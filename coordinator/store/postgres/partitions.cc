#include "coordinator/store/postgres/partitions.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"

namespace moa {
namespace {

constexpr absl::Duration kWeek = absl::Hours(7 * 24);
constexpr int64_t kWeeksAhead = 4;
constexpr const char* kTables[] = {"moa_jobs", "moa_specs", "moa_events"};

int64_t WeekOf(absl::Time time) { return (time - absl::UnixEpoch()) / kWeek; }
absl::Time StartOf(int64_t week) { return absl::UnixEpoch() + week * kWeek; }
std::string NameOf(absl::string_view table, int64_t week) {
  return absl::StrCat(table, "_w", week);
}

// In a transaction that waits for nobody for long.
absl::Status Change(Session& session, const std::string& sql) {
  const absl::Status status =
      session.Execute(absl::StrCat("BEGIN; SET LOCAL lock_timeout = 1000; ", sql, "; COMMIT"));
  if (!status.ok() && !session.is_broken()) session.Execute("ROLLBACK").IgnoreError();
  return status;
}

// The weeks that have partitions.
absl::StatusOr<std::vector<int64_t>> Weeks(Session& session) {
  MOA_ASSIGN_OR_RETURN(
      const std::string names,
      session.QueryText(
          "SELECT coalesce(string_agg(substring(relname from '_w([0-9]+)$'), ','), '')"
          " FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
          " WHERE inhparent = 'moa_jobs'::regclass AND relname ~ '_w[0-9]+$'"));
  std::vector<int64_t> weeks;
  for (const absl::string_view name : absl::StrSplit(names, ',', absl::SkipEmpty())) {
    int64_t week = 0;
    if (absl::SimpleAtoi(name, &week)) weeks.push_back(week);
  }
  std::sort(weeks.begin(), weeks.end());
  return weeks;
}

}  // namespace

std::string IdPrefix(absl::Time time) {
  constexpr char kAlphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  auto ms = static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMillis(time)));
  std::string prefix(10, '0');
  for (size_t i = prefix.size(); i-- > 0; ms >>= 5) prefix[i] = kAlphabet[ms & 31];
  return prefix;
}

absl::Status MakePartitions(Session& session, absl::Time now) {
  MOA_ASSIGN_OR_RETURN(const std::vector<int64_t> there, Weeks(session));
  const int64_t first = WeekOf(now);
  for (int64_t week = first; week <= first + kWeeksAhead; ++week) {
    if (std::binary_search(there.begin(), there.end(), week)) continue;
    std::string sql;
    for (const char* table : kTables) {
      absl::StrAppend(&sql, "CREATE TABLE IF NOT EXISTS ", NameOf(table, week), " PARTITION OF ",
                      table, " FOR VALUES FROM ('", IdPrefix(StartOf(week)), "') TO ('",
                      IdPrefix(StartOf(week + 1)), "'); ");
    }
    MOA_RETURN_IF_ERROR(Change(session, sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> DropPartitions(Session& session, absl::Time before, bool dry_run) {
  MOA_ASSIGN_OR_RETURN(const std::vector<int64_t> weeks, Weeks(session));
  uint64_t dropped = 0;
  for (const int64_t week : weeks) {
    if (StartOf(week + 1) > before) break;
    const std::string jobs = NameOf("moa_jobs", week);
    MOA_ASSIGN_OR_RETURN(const std::string kept,
                         session.QueryText(absl::StrCat(
                             "SELECT EXISTS (SELECT FROM ", jobs,
                             " WHERE state < 3 OR ended_ns >= ", absl::ToUnixNanos(before), ")")));
    if (kept == "t") continue;
    MOA_ASSIGN_OR_RETURN(const std::string text,
                         session.QueryText(absl::StrCat("SELECT count(*) FROM ", jobs)));
    uint64_t count = 0;
    if (!absl::SimpleAtoi(text, &count)) return absl::DataLossError("a count that is no number");
    dropped += count;
    if (dry_run) continue;
    std::string sql = absl::StrCat(
        "DELETE FROM moa_keys USING ", jobs, " WHERE moa_keys.id = ", jobs,
        ".id; DELETE FROM moa_grades USING ", jobs, " WHERE moa_grades.id = ", jobs, ".id; ");
    for (const char* table : kTables)
      absl::StrAppend(&sql, "DROP TABLE ", NameOf(table, week), "; ");
    MOA_RETURN_IF_ERROR(Change(session, sql));
  }
  return dropped;
}

}  // namespace moa
