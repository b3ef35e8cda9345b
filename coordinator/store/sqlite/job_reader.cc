#include "coordinator/store/sqlite/job_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "coordinator/store/sqlite/schema.h"

namespace moa {
namespace {

absl::Time TimeFromNs(int64_t ns) { return absl::FromUnixNanos(ns); }

// Of columns in the order of kRowColumns.
JobRow RowOf(const Statement& row) {
  JobRow job;
  job.id = JobId(row.Bytes(0));
  job.tenant = Tenant(row.Bytes(1));
  job.name = std::string(row.Bytes(2));
  job.state = static_cast<StoredState>(row.Integer(3));
  job.degraded = row.Integer(4) != 0;
  job.created = TimeFromNs(row.Integer(5));
  if (!row.IsNull(6)) job.ended = TimeFromNs(row.Integer(6));
  return job;
}

}  // namespace

struct JobReader::Statements {
  Statement begin;
  Statement end;
  Statement find_job;
  Statement read_job;
  Statement read_events;
  Statement list_all;
  Statement list_tenant;
  Statement list_unfinished;
  Statement count_all;
  Statement count_tenant;
};

absl::StatusOr<std::unique_ptr<JobReader>> JobReader::Create(std::unique_ptr<Database> database) {
  Database& db = *database;
  MOA_ASSIGN_OR_RETURN(Statement begin, Statement::Prepare(db, "BEGIN"));
  MOA_ASSIGN_OR_RETURN(Statement end, Statement::Prepare(db, "COMMIT"));
  MOA_ASSIGN_OR_RETURN(Statement find_job,
                       Statement::Prepare(db, "SELECT job FROM jobs WHERE id = ?1"));
  MOA_ASSIGN_OR_RETURN(
      Statement read_job,
      Statement::Prepare(db,
                         "SELECT id, tenant, name, state, degraded, created_ns, ended_ns, spec"
                         " FROM jobs JOIN specs USING (job) WHERE job = ?1"));
  MOA_ASSIGN_OR_RETURN(Statement read_events,
                       Statement::Prepare(db,
                                          "SELECT job_and_sequence, payload FROM events"
                                          " WHERE job_and_sequence BETWEEN ?1 AND ?2 ORDER BY 1"));
  MOA_ASSIGN_OR_RETURN(
      Statement list_all,
      Statement::Prepare(db,
                         "SELECT id, tenant, name, state, degraded, created_ns, ended_ns"
                         " FROM jobs INDEXED BY jobs_by_state"
                         " WHERE state = ?1 AND (created_ns, id) < (?2, ?3)"
                         " ORDER BY created_ns DESC, id DESC LIMIT ?4"));
  MOA_ASSIGN_OR_RETURN(
      Statement list_tenant,
      Statement::Prepare(db,
                         "SELECT id, tenant, name, state, degraded, created_ns, ended_ns"
                         " FROM jobs INDEXED BY jobs_by_tenant"
                         " WHERE tenant = ?5 AND state = ?1 AND (created_ns, id) < (?2, ?3)"
                         " ORDER BY created_ns DESC, id DESC LIMIT ?4"));
  MOA_ASSIGN_OR_RETURN(
      Statement list_unfinished,
      Statement::Prepare(db,
                         "SELECT id FROM jobs INDEXED BY jobs_by_state WHERE state IN (1, 2)"
                         " ORDER BY created_ns, id"));
  MOA_ASSIGN_OR_RETURN(
      Statement count_all,
      Statement::Prepare(
          db, "SELECT state, count(*) FROM jobs INDEXED BY jobs_by_state GROUP BY state"));
  MOA_ASSIGN_OR_RETURN(
      Statement count_tenant,
      Statement::Prepare(db,
                         "SELECT state, count(*) FROM jobs INDEXED BY jobs_by_tenant"
                         " WHERE tenant = ?1 GROUP BY state"));
  auto statements = std::unique_ptr<Statements>(
      new Statements{std::move(begin), std::move(end), std::move(find_job), std::move(read_job),
                     std::move(read_events), std::move(list_all), std::move(list_tenant),
                     std::move(list_unfinished), std::move(count_all), std::move(count_tenant)});
  return std::unique_ptr<JobReader>(new JobReader(std::move(database), std::move(statements)));
}

JobReader::JobReader(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements)
    : database_(std::move(database)), statements_(std::move(statements)) {}

JobReader::~JobReader() = default;

absl::StatusOr<int64_t> JobReader::FindJob(const JobId& id) {
  Statement& find = statements_->find_job;
  StatementScope scope(find);
  find.BindText(1, id.value());
  MOA_ASSIGN_OR_RETURN(const bool found, find.Step());
  if (!found) return absl::NotFoundError(absl::StrCat("there is no job ", id.value()));
  return find.Integer(0);
}

absl::StatusOr<std::vector<StoredEvent>> JobReader::EventsOf(int64_t job, uint64_t after_sequence) {
  std::vector<StoredEvent> events;
  if (after_sequence >= kSequenceMax) return events;
  Statement& read = statements_->read_events;
  StatementScope scope(read);
  read.BindInteger(1, (job << kSequenceBits) | static_cast<int64_t>(after_sequence + 1));
  read.BindInteger(2, (job << kSequenceBits) | static_cast<int64_t>(kSequenceMax));
  while (true) {
    MOA_ASSIGN_OR_RETURN(const bool found, read.Step());
    if (!found) return events;
    StoredEvent event;
    event.sequence = static_cast<uint64_t>(read.Integer(0)) & kSequenceMax;
    event.payload = Text(read.Bytes(1));
    events.push_back(std::move(event));
  }
}

absl::StatusOr<StoredJob> JobReader::Read(const JobId& id) {
  // One transaction, so that the row's state and the events agree.
  MOA_RETURN_IF_ERROR(statements_->begin.Run());
  absl::Cleanup end = [this] { statements_->end.RunForCode(); };
  MOA_ASSIGN_OR_RETURN(const int64_t number, FindJob(id));
  StoredJob job;
  {
    Statement& read = statements_->read_job;
    StatementScope scope(read);
    read.BindInteger(1, number);
    MOA_ASSIGN_OR_RETURN(const bool found, read.Step());
    if (!found) return database_->ErrorOf(SQLITE_CORRUPT);
    job.row = RowOf(read);
    job.spec = Text(read.Bytes(7));
  }
  MOA_ASSIGN_OR_RETURN(job.events, EventsOf(number, 0));
  return job;
}

absl::StatusOr<std::vector<StoredEvent>> JobReader::ReadEvents(const JobId& id,
                                                               uint64_t after_sequence) {
  MOA_ASSIGN_OR_RETURN(const int64_t number, FindJob(id));
  return EventsOf(number, after_sequence);
}

absl::Status JobReader::ListState(const JobQuery& query, StoredState state,
                                  std::vector<JobRow>& rows) {
  const bool all_tenants = query.tenant.empty();
  Statement& list = all_tenants ? statements_->list_all : statements_->list_tenant;
  StatementScope scope(list);
  list.BindInteger(1, static_cast<int>(state));
  list.BindInteger(2, query.before.has_value() ? absl::ToUnixNanos(query.before->first)
                                               : std::numeric_limits<int64_t>::max());
  list.BindText(3, query.before.has_value() ? absl::string_view(query.before->second.value())
                                            : absl::string_view());
  list.BindInteger(
      4, static_cast<int64_t>(std::min<size_t>(query.limit, std::numeric_limits<int64_t>::max())));
  if (!all_tenants) list.BindText(5, query.tenant);
  while (true) {
    MOA_ASSIGN_OR_RETURN(const bool found, list.Step());
    if (!found) return absl::OkStatus();
    rows.push_back(RowOf(list));
  }
}

absl::StatusOr<std::vector<JobRow>> JobReader::List(const JobQuery& query) {
  std::vector<JobRow> rows;
  {
    // One transaction, or a job that changes its state meanwhile would be seen twice or never.
    MOA_RETURN_IF_ERROR(statements_->begin.Run());
    absl::Cleanup end = [this] { statements_->end.RunForCode(); };
    for (const StoredState state : StatesOf(query))
      MOA_RETURN_IF_ERROR(ListState(query, state, rows));
  }
  KeepNewest(query.limit, rows);
  return rows;
}

absl::StatusOr<JobCounts> JobReader::Count(const std::string& tenant) {
  Statement& count = tenant.empty() ? statements_->count_all : statements_->count_tenant;
  StatementScope scope(count);
  if (!tenant.empty()) count.BindText(1, tenant);
  JobCounts counts;
  while (true) {
    MOA_ASSIGN_OR_RETURN(const bool found, count.Step());
    if (!found) return counts;
    counts.of(static_cast<StoredState>(count.Integer(0))) = static_cast<uint64_t>(count.Integer(1));
  }
}

absl::StatusOr<std::vector<JobId>> JobReader::ListUnfinished() {
  Statement& list = statements_->list_unfinished;
  StatementScope scope(list);
  std::vector<JobId> ids;
  while (true) {
    MOA_ASSIGN_OR_RETURN(const bool found, list.Step());
    if (!found) return ids;
    ids.emplace_back(list.Bytes(0));
  }
}

}  // namespace moa
