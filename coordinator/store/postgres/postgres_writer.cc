#include "coordinator/store/postgres/postgres_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/net/address.h"
#include "coordinator/store/postgres/job_commands.h"
#include "coordinator/store/postgres/partitions.h"
#include "coordinator/store/postgres/schema.h"

namespace moa {
namespace {

using Commands = std::vector<Session::Command>;

constexpr absl::Duration kPartitionInterval = absl::Hours(1);

// A job without a key has its id looked up only when it may be there already.
bool IsLookedUp(const InsertWrite& insert) {
  return !insert.job.idempotency_key.empty() || insert.is_in_doubt;
}

Session::Command LookUp(const InsertWrite& insert) {
  return insert.job.idempotency_key.empty() ? FindIdCommand(insert.job)
                                            : FindKeyCommand(insert.job);
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

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresWriter>> PostgresWriter::Open(const std::string& url) {
  std::unique_ptr<PostgresWriter> writer(new PostgresWriter(url));
  MOA_RETURN_IF_ERROR(writer->Connect(true));
  return writer;
}

PostgresWriter::PostgresWriter(const std::string& url) : url_(url), host_(HostName()) {}

absl::Status PostgresWriter::Connect(bool prepare_schema) {
  MOA_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Connect(url_));
  if (prepare_schema) MOA_RETURN_IF_ERROR(PreparePostgresSchema(*session, PostgresMigrations()));
  // One plan for all partitions, made once.
  MOA_RETURN_IF_ERROR(session->Execute("SET plan_cache_mode = force_generic_plan"));
  MOA_RETURN_IF_ERROR(session->Prepare(WriteStatements()));
  session_ = std::move(session);
  if (prepare_schema) partitions_made_ = absl::Now();
  return absl::OkStatus();
}

Commands PostgresWriter::CommandsFor(const WriteGroup& group) const {
  const uint64_t owner = epoch_.load();
  Commands commands;
  if (owner > 0) commands.push_back(HoldCommand(owner));
  for (const Write& write : group) {
    if (const auto* insert = std::get_if<InsertWrite>(&write)) {
      commands.push_back(InsertCommand(insert->job, owner));
      if (IsLookedUp(*insert)) commands.push_back(LookUp(*insert));
    } else if (const auto* update = std::get_if<UpdateWrite>(&write)) {
      for (Session::Command& command : UpdateCommands(update->update)) {
        commands.push_back(std::move(command));
      }
    } else {
      commands.push_back(NextEpochCommand(host_));
    }
  }
  return commands;
}

// Distributes the rows in the order of CommandsFor.
void PostgresWriter::SetOutcomes(const std::vector<Rows>& rows, WriteGroup& group) {
  auto next = rows.begin();
  if (epoch_.load() > 0) ++next;
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
    }
    return rows.status();
  }
  SetOutcomes(*rows, group);
  for (const Write& write : group) {
    if (const auto* epoch = std::get_if<EpochWrite>(&write)) epoch_.store(epoch->epoch);
  }
  return absl::OkStatus();
}

absl::Status PostgresWriter::Upkeep() {
  const absl::Time now = absl::Now();
  if (session_ == nullptr || now < partitions_made_ + kPartitionInterval) return absl::OkStatus();
  partitions_made_ = now;
  // It is weeks ahead: what does not work now will in an hour, or the next.
  MakePartitions(*session_, now).IgnoreError();
  if (session_->is_broken()) session_ = nullptr;
  return absl::OkStatus();
}

absl::Status PostgresWriter::Probe() {
  const absl::Status status = Run({ProbeCommand()}).status();
  if (session_ != nullptr && session_->is_broken()) session_ = nullptr;
  return status;
}

}  // namespace moa
