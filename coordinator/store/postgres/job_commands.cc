#include "coordinator/store/postgres/job_commands.h"

#include <algorithm>
#include <limits>

namespace moa {
namespace {

enum WriteStatement {
  kInsert,
  kFindKey,
  kFindId,
  kAddEvent,
  kChangeJob,
  kNextEpoch,
  kProbe,
  kHold,
  kAddGrade
};
constexpr StatementText kWrites[] = {
    // A key is taken with its job or not at all; one that another job has keeps this one out.
    {"WITH key AS (INSERT INTO moa_keys SELECT $2, $8, $1"
     " WHERE $8 IS NOT NULL AND NOT EXISTS (SELECT FROM moa_jobs WHERE id = $1)"
     " ON CONFLICT DO NOTHING RETURNING id),"
     " job AS (INSERT INTO moa_jobs (id, tenant, name, state, degraded, created_ns, ended_ns,"
     " request_hash, owner) SELECT $1, $2, $3, $4, $5, $6, $7, $9, $13"
     " WHERE $8 IS NULL OR EXISTS (SELECT FROM key) ON CONFLICT DO NOTHING RETURNING id),"
     " spec AS (INSERT INTO moa_specs SELECT id, $10 FROM job),"
     " event AS (INSERT INTO moa_events SELECT id, $11, $12 FROM job)"
     " SELECT 1::bigint FROM job",
     "bbbiiiibbbibi"},
    {"SELECT moa_jobs.id, request_hash FROM moa_keys JOIN moa_jobs USING (id)"
     " WHERE moa_keys.tenant = $1 AND idempotency_key = $2",
     "bb"},
    {"SELECT request_hash FROM moa_jobs WHERE id = $1", "b"},
    {"INSERT INTO moa_events SELECT id, $2, $3 FROM moa_jobs WHERE id = $1 ON CONFLICT DO NOTHING",
     "bib"},
    // A terminal state (3 and above) is final.
    {"UPDATE moa_jobs SET state = coalesce($2, state), degraded = greatest(degraded, $3),"
     " ended_ns = coalesce($4, ended_ns) WHERE id = $1 AND state < 3",
     "biii"},
    {"WITH next AS (UPDATE moa_cluster SET epoch = epoch + 1, version = version + 1 RETURNING "
     "epoch)"
     " INSERT INTO moa_members SELECT epoch, '', $1, 0, 0, 0, clock_timestamp() FROM next"
     " RETURNING epoch",
     "b"},
    {"UPDATE moa_cluster SET probes = probes + 1", ""},
    {"SELECT moa_hold($1)", "i"},
    {"INSERT INTO moa_grades SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13"
     " FROM moa_jobs WHERE id = $1 ON CONFLICT DO NOTHING",
     "bbbbbbiiiiiii"},
};

#define MOA_ROW "id, tenant, name, state, degraded, created_ns, ended_ns, owner"
enum ReadStatement {
  kReadJob,
  kReadSpec,
  kReadEvents,
  kListAll,
  kListTenant,
  kListUnfinished,
  kCountAll,
  kCountTenant,
  kListGrades,
  kLeaderboard
};
constexpr StatementText kReads[] = {
    {"SELECT " MOA_ROW " FROM moa_jobs WHERE id = $1", "b"},
    {"SELECT spec FROM moa_specs WHERE id = $1", "b"},
    {"SELECT sequence, payload FROM moa_events WHERE id = $1 AND sequence > $2 ORDER BY sequence",
     "bi"},
    {"SELECT " MOA_ROW " FROM moa_jobs WHERE state = $1 AND (created_ns, id) < ($2, $3)"
     " ORDER BY created_ns DESC, id DESC LIMIT $4",
     "iibi"},
    {"SELECT " MOA_ROW " FROM moa_jobs WHERE state = $1 AND (created_ns, id) < ($2, $3)"
     " AND tenant = $5 ORDER BY created_ns DESC, id DESC LIMIT $4",
     "iibib"},
    {"SELECT id FROM moa_jobs WHERE state IN (1, 2) ORDER BY created_ns, id", ""},
    {"SELECT state, count(*) FROM moa_jobs GROUP BY state", ""},
    {"SELECT state, count(*) FROM moa_jobs WHERE tenant = $1 GROUP BY state", "b"},
    {"SELECT id, graded, tenant, grader, name, config, total, points_max, ended_ns, tokens, calls,"
     " cost_nano_usd, latency_us FROM moa_grades"
     " WHERE ($1 = '' OR tenant = $1) AND ($2 = '' OR grader = $2) AND ($3 = '' OR config = $3)"
     " AND (ended_ns, id) < ($4, $5) ORDER BY ended_ns DESC, id DESC LIMIT $6",
     "bbbibi"},
    {"SELECT name, config, count(*), sum(total)::bigint, max(total), max(points_max), "
     "max(ended_ns),"
     " sum(tokens)::bigint, sum(cost_nano_usd)::bigint,"
     " (SELECT graded FROM moa_grades AS best WHERE best.grader = $2"
     " AND ($1 = '' OR best.tenant = $1) AND best.name = moa_grades.name"
     " AND best.config = moa_grades.config ORDER BY best.total DESC, best.ended_ns, best.id LIMIT "
     "1)"
     " FROM moa_grades WHERE grader = $2 AND ($1 = '' OR tenant = $1) GROUP BY name, config"
     " ORDER BY avg(total) DESC, avg(tokens), name, config LIMIT $3",
     "bbi"},
};
#undef MOA_ROW

Parameter Bytes(absl::string_view bytes) { return Parameter::Bytes(bytes); }
Parameter Integer(int64_t value) { return Parameter::Integer(value); }
Parameter Unsigned(uint64_t value) { return Integer(static_cast<int64_t>(value)); }

Session::Command AddGradeCommand(const StoredGrade& grade) {
  return {kAddGrade,
          {Bytes(grade.id.value()), Bytes(grade.graded.value()), Bytes(grade.tenant.value()),
           Bytes(grade.grader), Bytes(grade.name), Bytes(grade.config), Integer(grade.total),
           Integer(grade.max), Integer(absl::ToUnixNanos(grade.ended)), Unsigned(grade.tokens),
           Integer(grade.calls), Unsigned(grade.cost_nano_usd),
           Integer(absl::ToInt64Microseconds(grade.latency))}};
}

Parameter TimeOrNull(absl::Time time) {
  return time == absl::InfinitePast() ? Parameter::Null() : Integer(absl::ToUnixNanos(time));
}

}  // namespace

absl::Span<const StatementText> WriteStatements() { return kWrites; }
absl::Span<const StatementText> ReadStatements() { return kReads; }

Session::Command InsertCommand(const NewJob& job, uint64_t owner) {
  return {kInsert,
          {Bytes(job.row.id.value()), Bytes(job.row.tenant.value()), Bytes(job.row.name),
           Integer(static_cast<int>(job.row.state)), Integer(job.row.degraded ? 1 : 0),
           Integer(absl::ToUnixNanos(job.row.created)), TimeOrNull(job.row.ended),
           job.idempotency_key.empty() ? Parameter::Null() : Bytes(job.idempotency_key),
           Bytes(job.request_hash), Bytes(job.spec.view()),
           Integer(static_cast<int64_t>(job.accepted.sequence)), Bytes(job.accepted.payload.view()),
           Integer(static_cast<int64_t>(owner))}};
}

Session::Command FindKeyCommand(const NewJob& job) {
  return {kFindKey, {Bytes(job.row.tenant.value()), Bytes(job.idempotency_key)}};
}

Session::Command FindIdCommand(const NewJob& job) { return {kFindId, {Bytes(job.row.id.value())}}; }

std::ptrdiff_t UpdateCommandCount(const JobUpdate& update) {
  return (update.state || update.degraded ? 2 : 1) + (update.grade ? 1 : 0);
}

std::vector<Session::Command> UpdateCommands(const JobUpdate& update) {
  std::vector<Session::Command> commands;
  commands.push_back(
      {kAddEvent,
       {Bytes(update.id.value()), Integer(static_cast<int64_t>(update.event.sequence)),
        Bytes(update.event.payload.view())}});
  if (update.grade) commands.push_back(AddGradeCommand(*update.grade));
  if (!update.state && !update.degraded) return commands;
  const bool ends = update.state && IsTerminal(*update.state);
  commands.push_back({kChangeJob,
                      {Bytes(update.id.value()),
                       update.state ? Integer(static_cast<int>(*update.state)) : Parameter::Null(),
                       Integer(update.degraded ? 1 : 0),
                       ends ? Integer(absl::ToUnixNanos(update.ended)) : Parameter::Null()}});
  return commands;
}

Session::Command NextEpochCommand(const std::string& host) { return {kNextEpoch, {Bytes(host)}}; }
Session::Command HoldCommand(uint64_t member) {
  return {kHold, {Integer(static_cast<int64_t>(member))}};
}
Session::Command ProbeCommand() { return {kProbe, {}}; }

Session::Command ReadJobCommand(const JobId& id) { return {kReadJob, {Bytes(id.value())}}; }
Session::Command ReadSpecCommand(const JobId& id) { return {kReadSpec, {Bytes(id.value())}}; }

Session::Command ReadEventsCommand(const JobId& id, uint64_t after_sequence) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  return {kReadEvents,
          {Bytes(id.value()), Integer(static_cast<int64_t>(std::min(after_sequence, kMax)))}};
}

Session::Command ListCommand(const JobQuery& query, StoredState state) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  Session::Command command = {
      query.tenant.empty() ? kListAll : kListTenant,
      {Integer(static_cast<int>(state)),
       Integer(query.before ? absl::ToUnixNanos(query.before->first)
                            : std::numeric_limits<int64_t>::max()),
       Bytes(query.before ? absl::string_view(query.before->second.value()) : absl::string_view()),
       Integer(static_cast<int64_t>(std::min<uint64_t>(query.limit, kMax)))}};
  if (!query.tenant.empty()) command.parameters.push_back(Bytes(query.tenant));
  return command;
}

Session::Command ListUnfinishedCommand() { return {kListUnfinished, {}}; }

Session::Command CountCommand(const std::string& tenant) {
  if (tenant.empty()) return {kCountAll, {}};
  return {kCountTenant, {Bytes(tenant)}};
}

Session::Command ListGradesCommand(const GradeQuery& query) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  return {
      kListGrades,
      {Bytes(query.tenant), Bytes(query.grader), Bytes(query.config),
       query.before ? Integer(absl::ToUnixNanos(query.before->first)) : Unsigned(kMax),
       Bytes(query.before ? absl::string_view(query.before->second.value()) : absl::string_view()),
       Unsigned(std::min<uint64_t>(query.limit, kMax))}};
}

Session::Command LeaderboardCommand(const std::string& tenant, const std::string& grader,
                                    size_t limit) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  return {kLeaderboard, {Bytes(tenant), Bytes(grader), Unsigned(std::min<uint64_t>(limit, kMax))}};
}

StoredGrade GradeOf(const Rows& rows, int row) {
  return {.id = JobId(rows.Bytes(row, 0)),
          .graded = JobId(rows.Bytes(row, 1)),
          .tenant = Tenant(rows.Bytes(row, 2)),
          .grader = std::string(rows.Bytes(row, 3)),
          .name = std::string(rows.Bytes(row, 4)),
          .config = std::string(rows.Bytes(row, 5)),
          .total = static_cast<uint32_t>(rows.Integer(row, 6)),
          .max = static_cast<uint32_t>(rows.Integer(row, 7)),
          .ended = absl::FromUnixNanos(rows.Integer(row, 8)),
          .tokens = static_cast<uint64_t>(rows.Integer(row, 9)),
          .calls = static_cast<uint32_t>(rows.Integer(row, 10)),
          .cost_nano_usd = static_cast<uint64_t>(rows.Integer(row, 11)),
          .latency = absl::Microseconds(rows.Integer(row, 12))};
}

LeaderboardEntry LeaderboardEntryOf(const Rows& rows, int row) {
  return {.name = std::string(rows.Bytes(row, 0)),
          .config = std::string(rows.Bytes(row, 1)),
          .attempts = static_cast<uint64_t>(rows.Integer(row, 2)),
          .total_sum = static_cast<uint64_t>(rows.Integer(row, 3)),
          .best = static_cast<uint32_t>(rows.Integer(row, 4)),
          .max = static_cast<uint32_t>(rows.Integer(row, 5)),
          .best_graded = JobId(rows.Bytes(row, 9)),
          .last = absl::FromUnixNanos(rows.Integer(row, 6)),
          .tokens_sum = static_cast<uint64_t>(rows.Integer(row, 7)),
          .cost_nano_usd_sum = static_cast<uint64_t>(rows.Integer(row, 8))};
}

JobRow RowOf(const Rows& rows, int row) {
  JobRow job;
  job.id = JobId(rows.Bytes(row, 0));
  job.tenant = Tenant(rows.Bytes(row, 1));
  job.name = std::string(rows.Bytes(row, 2));
  job.state = static_cast<StoredState>(rows.Integer(row, 3));
  job.degraded = rows.Integer(row, 4) != 0;
  job.created = absl::FromUnixNanos(rows.Integer(row, 5));
  if (!rows.IsNull(row, 6)) job.ended = absl::FromUnixNanos(rows.Integer(row, 6));
  job.owner = static_cast<uint64_t>(rows.Integer(row, 7));
  return job;
}

}  // namespace moa
