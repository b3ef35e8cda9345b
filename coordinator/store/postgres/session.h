#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace moa {

// One value given to a statement. Bytes are borrowed until the call returns.
class Parameter {
 public:
  static Parameter Integer(int64_t value);
  static Parameter Bytes(absl::string_view bytes);
  static Parameter Null() { return Parameter(); }

  const char* data() const { return kind_ == Kind::kInteger ? integer_ : bytes_.data(); }
  int size() const;
  bool is_null() const { return kind_ == Kind::kNull; }

 private:
  enum class Kind { kNull, kInteger, kBytes };
  Kind kind_ = Kind::kNull;
  char integer_[8] = {};  // in network order
  absl::string_view bytes_;
};

// A statement's rows. Columns are of type bigint or bytea.
class Rows {
 public:
  Rows() = default;
  explicit Rows(PGresult* result) : result_(result) {}

  int size() const { return result_ == nullptr ? 0 : PQntuples(result_.get()); }
  int64_t Integer(int row, int column) const;
  absl::string_view Bytes(int row, int column) const;  // as long as this lives
  const PGresult* get() const { return result_.get(); }
  bool IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

// A statement that a session prepares once; it is named by its place in the list that Session::Prepare gets.
struct StatementText {
  const char* sql;
  // One letter a parameter: i for bigint, b for bytea.
  const char* parameters;
};

// One connection to a PostgreSQL server with its prepared statements.
//
// Owner: a writer or a reader. Externally synchronised: one thread at a time. Blocks.
class Session {
 public:
  struct Command {
    int statement = 0;
    std::vector<Parameter> parameters{};
  };

  // Connects to `url` (a URI or a libpq connection string); its password stays out of errors.
  //   UNAVAILABLE          not reachable, starting up, no connection left
  //   PERMISSION_DENIED    the password or the right to connect
  //   NOT_FOUND            there is no such database
  //   INVALID_ARGUMENT     the URL cannot be read
  //   FAILED_PRECONDITION  an older server than is supported; a server that is only read from
  static absl::StatusOr<std::unique_ptr<Session>> Connect(const std::string& url);

  // A server that does not answer a transaction for so long is given up with its connection, as one that is gone: what
  // lies between may have forgotten either side. Whether the transaction is applied is then not known.
  void SetAnswerTimeout(absl::Duration timeout) { answer_timeout_ = timeout; }

  // Once, before RunTransaction. REQUIRES: the statements' tables exist.
  absl::Status Prepare(absl::Span<const StatementText> statements);

  // SQL without parameters that may hold several statements; rows are dropped.
  absl::Status Execute(const std::string& sql);
  // The one value of the one row, as text.
  absl::StatusOr<std::string> QueryText(const std::string& sql);

  // Sends all commands at once (a pipeline) and then reads their rows, in one round trip, as one transaction: after an
  // error nothing has happened, unless the connection broke (`is_broken`), when it may have.
  enum class Access { kReadWrite, kReadOneSnapshot };
  absl::StatusOr<std::vector<Rows>> RunTransaction(absl::Span<const Command> commands,
                                                   Access access);

  // The connection is of no use any more.
  bool is_broken() const { return gave_up_ || PQstatus(connection_.get()) == CONNECTION_BAD; }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  explicit Session(PGconn* connection) : connection_(connection) {}

  absl::Status Send(const Command& command);
  // Reads the results up to the synchronisation point; the first error counts.
  absl::Status Receive(std::vector<Rows>& rows);
  absl::Status ErrorOf(const PGresult* result) const;
  absl::Status ConnectionError() const;

  // Until a result can be read without waiting; an error when none came in time.
  absl::Status AwaitResult();

  const std::unique_ptr<PGconn, Finish> connection_;
  absl::Duration answer_timeout_ = absl::Seconds(15);
  bool gave_up_ = false;  // in the middle of a pipeline
};

}  // namespace moa
