#include "coordinator/store/postgres/postgres_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "coordinator/store/postgres/job_commands.h"

namespace moa {
namespace {

absl::Status NoSuchJob(const JobId& id) {
  return absl::NotFoundError(absl::StrCat("there is no job ", id.value()));
}

std::vector<StoredEvent> EventsOf(const Rows& rows) {
  std::vector<StoredEvent> events;
  events.reserve(static_cast<size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) {
    events.push_back({.sequence = static_cast<uint64_t>(rows.Integer(row, 0)),
                      .payload = Text(rows.Bytes(row, 1))});
  }
  return events;
}

}  // namespace

PostgresReader::PostgresReader(const std::string& url, int connections) : url_(url) {
  for (int i = 0; i < connections; ++i) free_.push_back(nullptr);
}

absl::StatusOr<std::vector<Rows>> PostgresReader::Run(absl::Span<const Session::Command> commands) {
  std::unique_ptr<Session> session;
  {
    MutexLock lock(mutex_);
    while (free_.empty()) changed_.Wait(mutex_);
    // Connected ones lie at the end.
    session = std::move(free_.back());
    free_.pop_back();
  }
  const bool is_new = session == nullptr;
  absl::StatusOr<std::vector<Rows>> rows = RunOn(session, commands);
  // It was idle, and the server or something on the way has ended it meanwhile.
  if (!rows.ok() && session == nullptr && !is_new) rows = RunOn(session, commands);
  MutexLock lock(mutex_);
  if (session == nullptr) {
    free_.insert(free_.begin(), nullptr);
  } else {
    free_.push_back(std::move(session));
  }
  changed_.NotifyOne();
  return rows;
}

absl::StatusOr<std::vector<Rows>> PostgresReader::RunOn(
    std::unique_ptr<Session>& session, absl::Span<const Session::Command> commands) {
  if (session == nullptr) {
    MOA_ASSIGN_OR_RETURN(std::unique_ptr<Session> connected, Session::Connect(url_));
    MOA_RETURN_IF_ERROR(connected->Prepare(ReadStatements()));
    session = std::move(connected);
  }
  absl::StatusOr<std::vector<Rows>> rows =
      session->RunTransaction(commands, Session::Access::kReadOneSnapshot);
  if (session->is_broken()) session = nullptr;
  return rows;
}

absl::StatusOr<StoredJob> PostgresReader::Read(const JobId& id) {
  MOA_ASSIGN_OR_RETURN(const std::vector<Rows> rows,
                       Run({ReadJobCommand(id), ReadSpecCommand(id), ReadEventsCommand(id, 0)}));
  if (rows[0].size() == 0) return NoSuchJob(id);
  if (rows[1].size() == 0) {
    return absl::DataLossError(absl::StrCat("the store has lost the spec of job ", id.value()));
  }
  StoredJob job;
  job.row = RowOf(rows[0], 0);
  job.spec = Text(rows[1].Bytes(0, 0));
  job.events = EventsOf(rows[2]);
  return job;
}

absl::StatusOr<JobRow> PostgresReader::Find(const JobId& id) {
  MOA_ASSIGN_OR_RETURN(const std::vector<Rows> rows, Run({ReadJobCommand(id)}));
  if (rows[0].size() == 0) return NoSuchJob(id);
  return RowOf(rows[0], 0);
}

absl::StatusOr<std::vector<StoredEvent>> PostgresReader::ReadEvents(const JobId& id,
                                                                    uint64_t after_sequence) {
  MOA_ASSIGN_OR_RETURN(const std::vector<Rows> rows,
                       Run({ReadJobCommand(id), ReadEventsCommand(id, after_sequence)}));
  if (rows[0].size() == 0) return NoSuchJob(id);
  return EventsOf(rows[1]);
}

absl::StatusOr<std::vector<JobRow>> PostgresReader::List(const JobQuery& query) {
  std::vector<Session::Command> commands;
  for (const StoredState state : StatesOf(query)) commands.push_back(ListCommand(query, state));
  MOA_ASSIGN_OR_RETURN(const std::vector<Rows> lists, Run(commands));
  std::vector<JobRow> jobs;
  for (const Rows& rows : lists) {
    for (int row = 0; row < rows.size(); ++row) jobs.push_back(RowOf(rows, row));
  }
  KeepNewest(query.limit, jobs);
  return jobs;
}

absl::StatusOr<JobCounts> PostgresReader::Count(const std::string& tenant) {
  MOA_ASSIGN_OR_RETURN(const std::vector<Rows> rows, Run({CountCommand(tenant)}));
  JobCounts counts;
  for (int row = 0; row < rows[0].size(); ++row) {
    counts.of(static_cast<StoredState>(rows[0].Integer(row, 0))) =
        static_cast<uint64_t>(rows[0].Integer(row, 1));
  }
  return counts;
}

absl::StatusOr<std::vector<StoredGrade>> PostgresReader::ListGrades(const GradeQuery& query) {
  MOA_ASSIGN_OR_RETURN(const std::vector<Rows> rows, Run({ListGradesCommand(query)}));
  std::vector<StoredGrade> grades;
  for (int row = 0; row < rows[0].size(); ++row) grades.push_back(GradeOf(rows[0], row));
  return grades;
}

absl::StatusOr<std::vector<LeaderboardEntry>> PostgresReader::Leaderboard(const std::string& tenant,
                                                                          const std::string& grader,
                                                                          size_t limit) {
  MOA_ASSIGN_OR_RETURN(const std::vector<Rows> rows,
                       Run({LeaderboardCommand(tenant, grader, limit)}));
  std::vector<LeaderboardEntry> entries;
  for (int row = 0; row < rows[0].size(); ++row) {
    entries.push_back(LeaderboardEntryOf(rows[0], row));
  }
  return entries;
}

absl::StatusOr<std::vector<JobId>> PostgresReader::ListUnfinished() {
  MOA_ASSIGN_OR_RETURN(const std::vector<Rows> rows, Run({ListUnfinishedCommand()}));
  std::vector<JobId> ids;
  for (int row = 0; row < rows[0].size(); ++row) ids.emplace_back(rows[0].Bytes(row, 0));
  return ids;
}

}  // namespace moa
