#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace moa {

// One connection to an SQLite file, and the translation of SQLite's result codes into words.
//
// Owner: a JobWriter, a JobReader, or the opening sequence. Externally synchronised: one thread at
// a time. Outlives its Statements.
class Database {
 public:
  struct Options {
    // The name of the registered sqlite3_vfs, "" for the system's: the seam at which tests inject
    // faults of the disk.
    std::string vfs;
    // How long to wait for another program's lock on the file (a backup, a person with the sqlite3
    // shell) before the operation counts as failed.
    absl::Duration busy_timeout = absl::Seconds(1);
  };

  // Opens `path` for reading and writing, creating it when it does not exist. Closing does not
  // write the log back into the file (see SetCheckpointOnClose), so that a file that turns out to
  // be damaged or foreign is left as it was.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs SQL that returns no rows of interest.
  absl::Status Execute(const char* sql);
  // The first column of the first row; an error when there is none.
  absl::StatusOr<int64_t> QueryInteger(const char* sql);
  absl::StatusOr<std::string> QueryText(const char* sql);

  // Whether the last connection that is closed moves the log into the file and deletes it.
  void SetCheckpointOnClose(bool enabled);

  // True between BEGIN and its end. SQLite ends a transaction by itself after some errors.
  bool InTransaction() const { return sqlite3_get_autocommit(handle_) == 0; }

  // What `code`, just returned by a call on this connection, means, with the path and what to do:
  // UNAVAILABLE for what may pass (full disk, I/O error, locked), PERMISSION_DENIED for a file that
  // cannot be written, DATA_LOSS for a damaged file, FAILED_PRECONDITION for one that is no
  // database, ABORTED when a progress handler said stop.
  absl::Status ErrorOf(int code) const;

  sqlite3* handle() const { return handle_; }
  const std::string& path() const { return path_; }

 private:
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}

  const std::string path_;
  sqlite3* const handle_;
};

// A prepared statement, made once and run many times.
//
//   MOA_ASSIGN_OR_RETURN(Statement find, Statement::Prepare(database, "SELECT … WHERE id = ?1"));
//   find.BindText(1, id);
//   MOA_ASSIGN_OR_RETURN(bool found, find.Step());
//   … find.Integer(0) …
//   find.Reset();
//
// Bound texts and blobs are borrowed until Reset. Owner and threads as its Database's.
class Statement {
 public:
  static absl::StatusOr<Statement> Prepare(Database& database, const char* sql);

  void BindInteger(int parameter, int64_t value);
  void BindText(int parameter, absl::string_view value);
  void BindBlob(int parameter, absl::string_view value);
  void BindNull(int parameter);

  // True when there is a row to read; false at the end. Errors as Database::ErrorOf.
  absl::StatusOr<bool> Step();
  // Step, expecting no row, then Reset.
  absl::Status Run();
  // Run, returning SQLite's code: for callers that expect a constraint to be hit.
  int RunForCode();
  // Ends a run and makes the statement ready for the next; REQUIRED before the transaction ends.
  void Reset();

  // Columns of the current row, valid until the next Step or Reset.
  int64_t Integer(int column) const;
  absl::string_view Bytes(int column) const;
  bool IsNull(int column) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  Statement(Database& database, sqlite3_stmt* handle) : database_(&database), handle_(handle) {}

  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> handle_;
};

// Resets a statement at the end of a scope, whichever way it is left.
class StatementScope {
 public:
  explicit StatementScope(Statement& statement) : statement_(statement) {}
  ~StatementScope() { statement_.Reset(); }
  StatementScope(const StatementScope&) = delete;
  StatementScope& operator=(const StatementScope&) = delete;

 private:
  Statement& statement_;
};

}  // namespace moa
