#include "coordinator/store/postgres/postgres_writer.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "coordinator/store/postgres/job_commands.h"
#include "coordinator/store/postgres/schema.h"

namespace moa {
namespace {

using Commands = std::vector<Session::Command>;

constexpr absl::Duration kOwnerPatience = absl::Seconds(2);

// A job without a key has its id looked up only when it may be there already.
bool IsLookedUp(const InsertWrite& insert) {
  return !insert.job.idempotency_key.empty() || insert.is_in_doubt;
}

Session::Command LookUp(const InsertWrite& insert) {
  return insert.job.idempotency_key.empty() ? FindIdCommand(insert.job)
                                            : FindKeyCommand(insert.job);
}

Commands CommandsFor(const WriteGroup& group) {
  Commands commands;
  for (const Write& write : group) {
    if (const auto* insert = std::get_if<InsertWrite>(&write)) {
      commands.push_back(InsertCommand(insert->job));
      if (IsLookedUp(*insert)) commands.push_back(LookUp(*insert));
    } else if (const auto* update = std::get_if<UpdateWrite>(&write)) {
      for (Session::Command& command : UpdateCommands(update->update)) {
        commands.push_back(std::move(command));
      }
    } else {
      commands.push_back(NextEpochCommand());
    }
  }
  return commands;
}

absl::StatusOr<InsertOutcome> OutcomeOf(const InsertWrite& insert, bool inserted,
                                        const Rows* found) {
  const NewJob& job = insert.job;
  const bool is_there = found != nullptr && found->size() > 0;
  InsertOutcome outcome;
  outcome.id = job.row.id;
  if (inserted) return outcome;
  if (is_there && job.idempotency_key.empty()) {
    // In doubt: it is this very job, which the lost commit has brought in.
    if (found->Bytes(0, 0) == absl::string_view(job.request_hash)) return outcome;
  } else if (is_there) {
    outcome.id = JobId(found->Bytes(0, 0));
    outcome.same_request = found->Bytes(0, 1) == absl::string_view(job.request_hash);
    outcome.existing = !(insert.is_in_doubt && outcome.id == job.row.id);
    return outcome;
  }
  return absl::AlreadyExistsError(
      absl::StrCat("the store holds another job with the id ", job.row.id.value()));
}

// Distributes the rows in the order of CommandsFor.
void SetOutcomes(const std::vector<Rows>& rows, WriteGroup& group) {
  auto next = rows.begin();
  for (Write& write : group) {
    if (auto* insert = std::get_if<InsertWrite>(&write)) {
      const bool inserted = (next++)->size() > 0;
      const Rows* found = IsLookedUp(*insert) ? &*next++ : nullptr;
      insert->outcome = OutcomeOf(*insert, inserted, found);
    } else if (auto* update = std::get_if<UpdateWrite>(&write)) {
      next += UpdateCommandCount(update->update);
    } else {
      std::get<EpochWrite>(write).epoch = static_cast<uint64_t>((next++)->Integer(0, 0));
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresWriter>> PostgresWriter::Open(const std::string& url) {
  std::unique_ptr<PostgresWriter> writer(new PostgresWriter(url));
  MOA_RETURN_IF_ERROR(writer->Connect(true));
  return writer;
}

absl::Status PostgresWriter::Connect(bool prepare_schema) {
  MOA_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Connect(url_));
  // Before anything is changed: the owner may be of an older version.
  // At the start an owner that has just died may not have been missed yet.
  MOA_RETURN_IF_ERROR(
      TakeOwnership(*session, prepare_schema ? kOwnerPatience : absl::ZeroDuration()));
  if (prepare_schema) MOA_RETURN_IF_ERROR(PreparePostgresSchema(*session, PostgresMigrations()));
  MOA_RETURN_IF_ERROR(session->Prepare(WriteStatements()));
  session_ = std::move(session);
  const absl::Status status = CheckEpoch();
  if (!status.ok()) session_ = nullptr;
  return status;
}

absl::Status PostgresWriter::CheckEpoch() {
  if (epoch_ == 0 && epochs_in_doubt_ == 0) return absl::OkStatus();
  MOA_ASSIGN_OR_RETURN(const std::string text, session_->QueryText("SELECT epoch FROM moa_owner"));
  uint64_t epoch = 0;
  if (!absl::SimpleAtoi(text, &epoch)) return absl::DataLossError("moa_owner has no epoch");
  if (epoch < epoch_ || epoch > epoch_ + epochs_in_doubt_) {
    return absl::FailedPreconditionError(
        "another coordinator has taken over the store while the connection was lost; this one "
        "takes no more jobs: restart it");
  }
  epoch_ = epoch;
  epochs_in_doubt_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Rows>> PostgresWriter::Run(const Commands& commands) {
  if (session_ == nullptr) MOA_RETURN_IF_ERROR(Connect(false));
  return session_->RunTransaction(commands, Session::Access::kReadWrite);
}

absl::Status PostgresWriter::Apply(WriteGroup& group) {
  if (session_ == nullptr) MOA_RETURN_IF_ERROR(Connect(false));
  const absl::StatusOr<std::vector<Rows>> rows =
      session_->RunTransaction(CommandsFor(group), Session::Access::kReadWrite);
  if (!rows.ok()) {
    if (!session_->is_broken()) return rows.status();
    session_ = nullptr;
    for (Write& write : group) {
      if (auto* insert = std::get_if<InsertWrite>(&write)) insert->is_in_doubt = true;
      if (std::holds_alternative<EpochWrite>(write)) ++epochs_in_doubt_;
    }
    return rows.status();
  }
  SetOutcomes(*rows, group);
  for (const Write& write : group) {
    if (const auto* epoch = std::get_if<EpochWrite>(&write)) epoch_ = epoch->epoch;
  }
  return absl::OkStatus();
}

absl::Status PostgresWriter::Probe() {
  const absl::Status status = Run({ProbeCommand()}).status();
  if (session_ != nullptr && session_->is_broken()) session_ = nullptr;
  return status;
}

}  // namespace moa
