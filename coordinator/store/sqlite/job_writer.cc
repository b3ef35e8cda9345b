#include "coordinator/store/sqlite/job_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "coordinator/store/sqlite/schema.h"

namespace moa {
namespace {

// 16 MiB of log: long enough that a page changed by many groups is written to the file once, short
// enough that the pause of a checkpoint stays in the milliseconds.
constexpr int kCheckpointPages = 4096;

// Entries of the cache of jobs' numbers, some 100 bytes each.
constexpr size_t kNumbersMax = 100'000;

int64_t ToNs(absl::Time time) { return absl::ToUnixNanos(time); }

}  // namespace

struct JobWriter::Statements {
  Statement begin;
  Statement commit;
  Statement find_key;
  Statement insert_job;
  Statement insert_spec;
  Statement insert_event;
  Statement find_job;
  Statement update_job;
  Statement insert_grade;
  Statement next_epoch;
  Statement probe;
};

absl::StatusOr<std::unique_ptr<JobWriter>> JobWriter::Create(std::unique_ptr<Database> database) {
  Database& db = *database;
  MOA_ASSIGN_OR_RETURN(Statement begin, Statement::Prepare(db, "BEGIN IMMEDIATE"));
  MOA_ASSIGN_OR_RETURN(Statement commit, Statement::Prepare(db, "COMMIT"));
  MOA_ASSIGN_OR_RETURN(Statement find_key,
                       Statement::Prepare(db,
                                          "SELECT id, request_hash FROM jobs"
                                          " WHERE tenant = ?1 AND idempotency_key = ?2"));
  MOA_ASSIGN_OR_RETURN(
      Statement insert_job,
      Statement::Prepare(
          db,
          "INSERT INTO jobs (id, tenant, name, state, degraded, created_ns, ended_ns,"
          " idempotency_key, request_hash) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)"));
  MOA_ASSIGN_OR_RETURN(Statement insert_spec,
                       Statement::Prepare(db, "INSERT INTO specs (job, spec) VALUES (?1, ?2)"));
  MOA_ASSIGN_OR_RETURN(
      Statement insert_event,
      Statement::Prepare(db,
                         "INSERT INTO events (job_and_sequence, payload) VALUES (?1, ?2)"
                         " ON CONFLICT DO NOTHING"));
  MOA_ASSIGN_OR_RETURN(Statement find_job,
                       Statement::Prepare(db, "SELECT job FROM jobs WHERE id = ?1"));
  // A terminal state (3 and above) is final.
  MOA_ASSIGN_OR_RETURN(
      Statement update_job,
      Statement::Prepare(db,
                         "UPDATE jobs SET state = coalesce(?2, state),"
                         " degraded = max(degraded, ?3), ended_ns = coalesce(?4, ended_ns)"
                         " WHERE job = ?1 AND state < 3"));
  MOA_ASSIGN_OR_RETURN(
      Statement insert_grade,
      Statement::Prepare(
          db,
          "INSERT INTO grades (id, graded, tenant, grader, name, config, total,"
          " points_max, ended_ns, tokens, calls, cost_nano_usd, latency_us)"
          " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13) ON CONFLICT DO NOTHING"));
  MOA_ASSIGN_OR_RETURN(
      Statement next_epoch,
      Statement::Prepare(db, "UPDATE owner SET epoch = epoch + 1 RETURNING epoch"));
  MOA_ASSIGN_OR_RETURN(Statement probe,
                       Statement::Prepare(db, "UPDATE owner SET probes = probes + 1"));
  auto statements = std::unique_ptr<Statements>(new Statements{
      std::move(begin), std::move(commit), std::move(find_key), std::move(insert_job),
      std::move(insert_spec), std::move(insert_event), std::move(find_job), std::move(update_job),
      std::move(insert_grade), std::move(next_epoch), std::move(probe)});
  return std::unique_ptr<JobWriter>(new JobWriter(std::move(database), std::move(statements)));
}

JobWriter::JobWriter(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements)
    : database_(std::move(database)), statements_(std::move(statements)) {
  // Replaces SQLite's automatic checkpoint, whose errors nobody would see.
  sqlite3_wal_hook(
      database_->handle(),
      [](void* pages, sqlite3*, const char*, int count) {
        *static_cast<int*>(pages) = count;
        return SQLITE_OK;
      },
      &log_pages_);
}

JobWriter::~JobWriter() = default;

absl::Status JobWriter::Apply(WriteGroup& group) {
  absl::Status status = statements_->begin.Run();
  for (auto write = group.begin(); status.ok() && write != group.end(); ++write) {
    status = ApplyOne(*write);
  }
  if (status.ok()) status = statements_->commit.Run();
  if (!status.ok()) Rollback();
  return status;
}

absl::Status JobWriter::ApplyOne(Write& write) {
  if (auto* insert = std::get_if<InsertWrite>(&write)) {
    MOA_ASSIGN_OR_RETURN(insert->outcome, Insert(insert->job));
    return absl::OkStatus();
  }
  if (auto* update = std::get_if<UpdateWrite>(&write)) return Update(update->update);
  MOA_ASSIGN_OR_RETURN(std::get<EpochWrite>(write).epoch, NextEpoch());
  return absl::OkStatus();
}

void JobWriter::Rollback() {
  numbers_.clear();  // what was inserted is undone
  // SQLite has rolled back by itself after a full disk and some I/O errors.
  if (!database_->InTransaction()) return;
  database_->Execute("ROLLBACK").IgnoreError();
}

absl::StatusOr<bool> JobWriter::FindByKey(const NewJob& job, InsertOutcome& outcome) {
  Statement& find = statements_->find_key;
  StatementScope scope(find);
  find.BindText(1, job.row.tenant.value());
  find.BindText(2, job.idempotency_key);
  MOA_ASSIGN_OR_RETURN(const bool found, find.Step());
  if (!found) return false;
  outcome.id = JobId(find.Bytes(0));
  outcome.existing = true;
  outcome.same_request = find.Bytes(1) == absl::string_view(job.request_hash);
  return true;
}

absl::StatusOr<absl::StatusOr<InsertOutcome>> JobWriter::Insert(const NewJob& job) {
  InsertOutcome outcome;
  if (!job.idempotency_key.empty()) {
    MOA_ASSIGN_OR_RETURN(const bool found, FindByKey(job, outcome));
    if (found) return outcome;
  }
  Statement& insert = statements_->insert_job;
  insert.BindText(1, job.row.id.value());
  insert.BindText(2, job.row.tenant.value());
  insert.BindText(3, job.row.name);
  insert.BindInteger(4, static_cast<int>(job.row.state));
  insert.BindInteger(5, job.row.degraded ? 1 : 0);
  insert.BindInteger(6, ToNs(job.row.created));
  job.row.ended == absl::InfinitePast() ? insert.BindNull(7)
                                        : insert.BindInteger(7, ToNs(job.row.ended));
  job.idempotency_key.empty() ? insert.BindNull(8) : insert.BindText(8, job.idempotency_key);
  insert.BindBlob(9, job.request_hash);
  const int code = insert.RunForCode();
  if (code == SQLITE_CONSTRAINT_UNIQUE) {
    return absl::StatusOr<InsertOutcome>(absl::AlreadyExistsError(
        absl::StrCat("the store holds another job with the id ", job.row.id.value())));
  }
  if (code != SQLITE_DONE) return database_->ErrorOf(code);

  const int64_t number = sqlite3_last_insert_rowid(database_->handle());
  Statement& spec = statements_->insert_spec;
  spec.BindInteger(1, number);
  spec.BindBlob(2, job.spec.view());
  MOA_RETURN_IF_ERROR(spec.Run());
  MOA_RETURN_IF_ERROR(InsertEvent(number, job.accepted));
  outcome.id = job.row.id;
  if (numbers_.size() >= kNumbersMax) numbers_.clear();
  numbers_.emplace(job.row.id, number);
  return outcome;
}

absl::StatusOr<int64_t> JobWriter::FindJob(const JobId& id) {
  const auto known = numbers_.find(id);
  if (known != numbers_.end()) return known->second;
  Statement& find = statements_->find_job;
  StatementScope scope(find);
  find.BindText(1, id.value());
  MOA_ASSIGN_OR_RETURN(const bool found, find.Step());
  return found ? find.Integer(0) : 0;
}

absl::Status JobWriter::InsertEvent(int64_t job, const StoredEvent& event) {
  MOA_CHECK(event.sequence >= 1 && event.sequence <= kSequenceMax);
  Statement& insert = statements_->insert_event;
  insert.BindInteger(1, (job << kSequenceBits) | static_cast<int64_t>(event.sequence));
  insert.BindBlob(2, event.payload.view());
  return insert.Run();
}

absl::Status JobWriter::Update(const JobUpdate& update) {
  MOA_ASSIGN_OR_RETURN(const int64_t job, FindJob(update.id));
  if (job == 0) return absl::OkStatus();
  if (update.state && IsTerminal(*update.state)) numbers_.erase(update.id);
  MOA_RETURN_IF_ERROR(InsertEvent(job, update.event));
  if (!update.state.has_value() && !update.degraded) return absl::OkStatus();

  Statement& change = statements_->update_job;
  change.BindInteger(1, job);
  update.state.has_value() ? change.BindInteger(2, static_cast<int>(*update.state))
                           : change.BindNull(2);
  change.BindInteger(3, update.degraded ? 1 : 0);
  update.state.has_value() && IsTerminal(*update.state) ? change.BindInteger(4, ToNs(update.ended))
                                                        : change.BindNull(4);
  MOA_RETURN_IF_ERROR(change.Run());
  return update.grade ? InsertGrade(*update.grade) : absl::OkStatus();
}

absl::Status JobWriter::InsertGrade(const StoredGrade& grade) {
  Statement& insert = statements_->insert_grade;
  insert.BindText(1, grade.id.value());
  insert.BindText(2, grade.graded.value());
  insert.BindText(3, grade.tenant.value());
  insert.BindText(4, grade.grader);
  insert.BindText(5, grade.name);
  insert.BindText(6, grade.config);
  insert.BindInteger(7, grade.total);
  insert.BindInteger(8, grade.max);
  insert.BindInteger(9, ToNs(grade.ended));
  insert.BindInteger(10, static_cast<int64_t>(grade.tokens));
  insert.BindInteger(11, grade.calls);
  insert.BindInteger(12, static_cast<int64_t>(grade.cost_nano_usd));
  insert.BindInteger(13, absl::ToInt64Microseconds(grade.latency));
  return insert.Run();
}

absl::StatusOr<uint64_t> JobWriter::NextEpoch() {
  Statement& next = statements_->next_epoch;
  StatementScope scope(next);
  MOA_ASSIGN_OR_RETURN(const bool found, next.Step());
  if (!found) return absl::DataLossError("the store has no epoch");
  const int64_t epoch = next.Integer(0);
  // RETURNING gives its row before the statement is complete.
  MOA_RETURN_IF_ERROR(next.Step().status());
  return static_cast<uint64_t>(epoch);
}

absl::Status JobWriter::Probe() {
  absl::Status status = statements_->begin.Run();
  if (status.ok()) status = statements_->probe.Run();
  if (status.ok()) status = statements_->commit.Run();
  if (!status.ok()) Rollback();
  return status;
}

absl::Status JobWriter::Upkeep() {
  // After a complete checkpoint the log starts over, unless a reader was on it: then it grows on.
  if (log_pages_ < checkpointed_pages_) checkpointed_pages_ = 0;
  if (log_pages_ < checkpointed_pages_ + kCheckpointPages) return absl::OkStatus();
  checkpointed_pages_ = log_pages_;
  const int code = sqlite3_wal_checkpoint_v2(database_->handle(), nullptr,
                                             SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  return code == SQLITE_OK || code == SQLITE_BUSY ? absl::OkStatus() : database_->ErrorOf(code);
}

}  // namespace moa
