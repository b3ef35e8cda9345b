#include "coordinator/store/postgres/session.h"

#include <poll.h>

#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/loop/loop.h"

namespace moa {
namespace {

constexpr Oid kBytea = 17;
constexpr Oid kBigint = 20;
constexpr int kVersionMin = 130000;
// Raised by our own functions (schema.cc).
constexpr char kDeclaredDead[] = "MOA01";
constexpr char kClusterChanged[] = "MOA02";
constexpr char kBegin[] = "BEGIN";
constexpr char kBeginRead[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

// libpq's messages end with a line break and may have several lines.
std::string OneSentence(absl::string_view message) {
  std::string text(message);
  absl::StrReplaceAll({{"\n", " "}, {"\t", ""}}, &text);
  absl::RemoveExtraAsciiWhitespace(&text);
  return text;
}

// What an SQLSTATE means for who uses the store.
absl::StatusCode CodeOf(absl::string_view state) {
  if (state == kDeclaredDead) return absl::StatusCode::kFailedPrecondition;
  if (state == kClusterChanged) return absl::StatusCode::kAborted;
  if (state == "3D000") return absl::StatusCode::kNotFound;
  if (absl::StartsWith(state, "28") || state == "42501") {
    return absl::StatusCode::kPermissionDenied;
  }
  // Connections, resources, operators, I/O, locks, and a standby that takes no writes: these pass.
  for (const char* passing : {"08", "53", "57", "58", "55", "40", "25006"}) {
    if (absl::StartsWith(state, passing)) return absl::StatusCode::kUnavailable;
  }
  if (absl::StartsWith(state, "XX")) return absl::StatusCode::kDataLoss;
  return absl::StatusCode::kInternal;
}

absl::string_view AdviceOf(absl::string_view state) {
  if (state == "53100") return "; free some space on the server's disk";
  if (state == "53300") return "; raise the server's max_connections";
  if (state == "25006") {
    return "; it only answers reads: name the primary, or several hosts, in the store's URL";
  }
  if (state == "42501") return "; the store's tables need an owner's rights";
  return "";
}

// The server ends the connection with it, or is a primary no longer: connecting anew may find the one that is.
bool IsLastWord(const PGresult* result) {
  const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const absl::string_view how = severity == nullptr ? "" : severity;
  return how == "FATAL" || how == "PANIC" ||
         (state != nullptr && absl::string_view(state) == "25006");
}

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

}  // namespace

Parameter Parameter::Integer(int64_t value) {
  Parameter parameter;
  parameter.kind_ = Kind::kInteger;
  for (int i = 0; i < 8; ++i) {
    parameter.integer_[i] = static_cast<char>(static_cast<uint64_t>(value) >> (56 - 8 * i));
  }
  return parameter;
}

Parameter Parameter::Bytes(absl::string_view bytes) {
  Parameter parameter;
  parameter.kind_ = Kind::kBytes;
  // A null pointer would be NULL.
  parameter.bytes_ = bytes.data() == nullptr ? absl::string_view("", 0) : bytes;
  return parameter;
}

int Parameter::size() const {
  if (kind_ == Kind::kInteger) return sizeof(integer_);
  MOA_CHECK(bytes_.size() <= static_cast<size_t>(std::numeric_limits<int>::max()));
  return static_cast<int>(bytes_.size());
}

int64_t Rows::Integer(int row, int column) const {
  const absl::string_view bytes = Bytes(row, column);
  MOA_CHECK(bytes.size() == 8);
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return static_cast<int64_t>(value);
}

absl::string_view Rows::Bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

absl::StatusOr<std::unique_ptr<Session>> Session::Connect(const std::string& url) {
  char* reason = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> parsed(
      PQconninfoParse(url.c_str(), &reason));
  if (parsed == nullptr) {
    // Not libpq's words: they may quote the URL, and with it the password.
    PQfreemem(reason);
    return absl::InvalidArgumentError(
        "the store's URL cannot be read; it is postgres://USER:PASSWORD@HOST:PORT/DATABASE");
  }
  // Of options that are given twice the last counts: the URL's win.
  const char* const keys[] = {"connect_timeout",
                              "keepalives_idle",
                              "keepalives_interval",
                              "keepalives_count",
                              "tcp_user_timeout",
                              "target_session_attrs",
                              "application_name",
                              "client_encoding",
                              "dbname",
                              nullptr};
  const char* const values[] = {
      "10", "10", "5", "3", "20000", "read-write", "moa-coordinator", "UTF8", url.c_str(), nullptr};
  std::unique_ptr<Session> session(new Session(PQconnectdbParams(keys, values, 1)));
  PGconn* connection = session->connection_.get();
  if (connection == nullptr) return absl::ResourceExhaustedError("no memory for a connection");
  // Notices are of no interest, and would go to stderr.
  PQsetNoticeProcessor(
      connection, [](void*, const char*) {}, nullptr);
  if (PQstatus(connection) != CONNECTION_OK) return session->ConnectionError();
  if (PQserverVersion(connection) < kVersionMin) {
    return absl::FailedPreconditionError(
        absl::StrCat("the PostgreSQL server is of version ",
                     PQparameterStatus(connection, "server_version"), "; 13 or newer is needed"));
  }
  // A commit that returns is on disk, whatever the server's default; and a host of ours that vanishes without a word
  // is missed within half a minute, with what its session holds.
  MOA_RETURN_IF_ERROR(session->Execute(
      "SET synchronous_commit = on; SET jit = off; SET "
      "statement_timeout = 0;"
      " SET client_min_messages = warning; SET default_transaction_isolation = 'read committed';"
      " SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = "
      "3;"
      " SET tcp_user_timeout = 25000;"
      // All of a transaction is sent at once: one that waits for more has lost its other half.
      " SET idle_in_transaction_session_timeout = 5000"));
  return session;
}

absl::Status Session::Prepare(absl::Span<const StatementText> statements) {
  for (size_t i = 0; i < statements.size(); ++i) {
    std::vector<Oid> types;
    for (const char* kind = statements[i].parameters; *kind != 0; ++kind) {
      types.push_back(*kind == 'i' ? kBigint : kBytea);
    }
    const Rows prepared(PQprepare(connection_.get(), absl::StrCat(i).c_str(), statements[i].sql,
                                  static_cast<int>(types.size()), types.data()));
    MOA_RETURN_IF_ERROR(ErrorOf(prepared.get()));
  }
  return absl::OkStatus();
}

absl::Status Session::Execute(const std::string& sql) {
  const Rows result(PQexec(connection_.get(), sql.c_str()));
  return ErrorOf(result.get());
}

absl::StatusOr<std::string> Session::QueryText(const std::string& sql) {
  const Rows result(PQexec(connection_.get(), sql.c_str()));
  MOA_RETURN_IF_ERROR(ErrorOf(result.get()));
  if (result.size() != 1) return absl::NotFoundError("no row");
  return std::string(result.Bytes(0, 0));
}

absl::Status Session::Send(const Command& command) {
  std::vector<const char*> values;
  std::vector<int> sizes;
  for (const Parameter& parameter : command.parameters) {
    values.push_back(parameter.is_null() ? nullptr : parameter.data());
    sizes.push_back(parameter.is_null() ? 0 : parameter.size());
  }
  const std::vector<int> binary(values.size(), 1);
  const int sent = PQsendQueryPrepared(connection_.get(), absl::StrCat(command.statement).c_str(),
                                       static_cast<int>(values.size()), values.data(), sizes.data(),
                                       binary.data(), 1);
  return sent == 1 ? absl::OkStatus() : ConnectionError();
}

absl::StatusOr<std::vector<Rows>> Session::RunTransaction(absl::Span<const Command> commands,
                                                          Access access) {
  PGconn* connection = connection_.get();
  if (PQenterPipelineMode(connection) != 1) return ConnectionError();
  const auto send_text = [&](const char* sql) {
    return PQsendQueryParams(connection, sql, 0, nullptr, nullptr, nullptr, nullptr, 1) == 1
               ? absl::OkStatus()
               : ConnectionError();
  };
  absl::Status sent = send_text(access == Access::kReadWrite ? kBegin : kBeginRead);
  for (const Command& command : commands) {
    if (sent.ok()) sent = Send(command);
  }
  if (sent.ok()) sent = send_text("COMMIT");
  if (sent.ok() && PQpipelineSync(connection) != 1) sent = ConnectionError();
  if (!sent.ok()) {
    // Mostly a broken connection; what of it had arrived is not known.
    gave_up_ = true;
    return sent;
  }
  std::vector<Rows> rows;
  rows.reserve(commands.size() + 2);
  absl::Status status = Receive(rows);
  if (is_broken()) return status.ok() ? ConnectionError() : status;
  PQexitPipelineMode(connection);
  if (!status.ok()) {
    // After an error the server has skipped COMMIT.
    if (PQtransactionStatus(connection) != PQTRANS_IDLE) Execute("ROLLBACK").IgnoreError();
    return status;
  }
  MOA_CHECK(rows.size() == commands.size() + 2);
  rows.erase(rows.begin());
  rows.pop_back();
  return rows;
}

absl::Status Session::AwaitResult() {
  PGconn* connection = connection_.get();
  const absl::Time deadline = Loop::Now() + answer_timeout_;
  while (PQisBusy(connection) != 0) {
    const absl::Duration left = deadline - Loop::Now();
    if (left <= absl::ZeroDuration()) {
      gave_up_ = true;
      return absl::UnavailableError(
          absl::StrCat("PostgreSQL has not answered for ", absl::FormatDuration(answer_timeout_)));
    }
    pollfd socket = {.fd = PQsocket(connection), .events = POLLIN, .revents = 0};
    poll(&socket, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (PQconsumeInput(connection) != 1) return ConnectionError();
  }
  return absl::OkStatus();
}

absl::Status Session::Receive(std::vector<Rows>& rows) {
  absl::Status first;
  bool between = false;
  while (true) {
    const absl::Status there = AwaitResult();
    if (!there.ok()) {
      gave_up_ = true;
      return first.ok() ? there : first;
    }
    PGresult* result = PQgetResult(connection_.get());
    if (result == nullptr) {
      // Once between the results of two commands; twice in a row there is nothing more to come.
      if (std::exchange(between, true)) gave_up_ = true;
      if (is_broken()) return first.ok() ? ConnectionError() : first;
      continue;
    }
    between = false;
    Rows owned(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_PIPELINE_SYNC) return first;
    if (status == PGRES_PIPELINE_ABORTED) continue;
    if (first.ok()) first = ErrorOf(result);
    if (IsLastWord(result)) gave_up_ = true;
    if (is_broken()) return first.ok() ? ConnectionError() : first;
    rows.push_back(std::move(owned));
  }
}

absl::Status Session::ErrorOf(const PGresult* result) const {
  if (result == nullptr) return ConnectionError();
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
      return absl::OkStatus();
    default:
      break;
  }
  const char* field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const absl::string_view state = field == nullptr ? "" : field;
  if (state.empty()) return ConnectionError();
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  return absl::Status(CodeOf(state),
                      absl::StrCat("PostgreSQL says: ", message == nullptr ? "" : message,
                                   " (SQLSTATE ", state, ")", AdviceOf(state)));
}

absl::Status Session::ConnectionError() const {
  const std::string message = OneSentence(PQerrorMessage(connection_.get()));
  // A refused connection has no SQLSTATE that libpq would hand over, only the server's words.
  absl::StatusCode code = absl::StatusCode::kUnavailable;
  if (absl::StrContains(message, "authentication failed") ||
      absl::StrContains(message, "no pg_hba.conf entry") ||
      absl::StrContains(message, "no password supplied")) {
    code = absl::StatusCode::kPermissionDenied;
  } else if (absl::StrContains(message, "does not exist")) {
    code = absl::StatusCode::kNotFound;
  } else if (absl::StrContains(message, "session is read-only")) {
    code = absl::StatusCode::kFailedPrecondition;
  }
  return absl::Status(code, message.empty() ? "the connection to PostgreSQL was lost" : message);
}

}  // namespace moa
