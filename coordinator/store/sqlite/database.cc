#include "coordinator/store/sqlite/database.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"

namespace moa {
namespace {

constexpr char kRestoreAdvice[] =
    "; nothing was changed: restore the file from a backup, or recover what is readable with "
    "`sqlite3 FILE .recover`, or start with another path";

std::string SystemReason(sqlite3* handle) {
  const int error = handle == nullptr ? 0 : sqlite3_system_errno(handle);
  return error == 0 ? "" : absl::StrCat(": ", strerror(error));
}

absl::Status ErrorOfCode(sqlite3* handle, const std::string& path, int code) {
  const std::string where = absl::StrCat("store ", path, ": ");
  const std::string detail = absl::StrCat(" (", sqlite3_errstr(code), ", code ", code, ")");
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::UnavailableError(
          absl::StrCat(where, "the disk is full; free some space on its file system", detail));
    case SQLITE_IOERR:
      return absl::UnavailableError(absl::StrCat(where, "input/output error", SystemReason(handle),
                                                 "; check the disk and its file system", detail));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(
          absl::StrCat(where, "another program holds a lock on the file; end it", detail));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::PermissionDeniedError(absl::StrCat(
          where, "the file or its file system is read-only; make it writable", detail));
    case SQLITE_CANTOPEN:
      return absl::UnavailableError(absl::StrCat(where, "cannot open the file",
                                                 SystemReason(handle),
                                                 "; check the path and its permissions", detail));
    case SQLITE_CORRUPT:
      return absl::DataLossError(
          absl::StrCat(where, "the file is damaged", kRestoreAdvice, detail));
    case SQLITE_NOTADB:
      return absl::FailedPreconditionError(
          absl::StrCat(where, "the file is not a database, or its beginning is damaged",
                       kRestoreAdvice, detail));
    case SQLITE_INTERRUPT:
      return absl::AbortedError(absl::StrCat(where, "interrupted", detail));
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(absl::StrCat(where, "out of memory", detail));
    default:
      return absl::InternalError(
          absl::StrCat(where, handle == nullptr ? "" : sqlite3_errmsg(handle), detail));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const Options& options) {
  sqlite3* handle = nullptr;
  // Each connection is used by one thread at a time, so SQLite's own mutexes would be waste.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                    SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  const char* vfs = options.vfs.empty() ? nullptr : options.vfs.c_str();
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, vfs);
  if (code != SQLITE_OK) {
    absl::Status status = ErrorOfCode(handle, path, code);
    sqlite3_close(handle);
    return status;
  }
  auto database = std::unique_ptr<Database>(new Database(path, handle));
  database->SetCheckpointOnClose(false);
  sqlite3_busy_timeout(handle, static_cast<int>(absl::ToInt64Milliseconds(options.busy_timeout)));
  // SQLite falls back to reading when it may not write, and says so only on the first write.
  if (sqlite3_db_readonly(handle, "main") == 1) return ErrorOfCode(handle, path, SQLITE_READONLY);
  return database;
}

Database::~Database() { MOA_CHECK(sqlite3_close(handle_) == SQLITE_OK); }

void Database::SetCheckpointOnClose(bool enabled) {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, enabled ? 0 : 1, nullptr);
}

absl::Status Database::Execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ErrorOf(code);
}

absl::StatusOr<int64_t> Database::QueryInteger(const char* sql) {
  MOA_ASSIGN_OR_RETURN(Statement query, Statement::Prepare(*this, sql));
  MOA_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::InternalError(absl::StrCat("store ", path_, ": no row from ", sql));
  return query.Integer(0);
}

absl::StatusOr<std::string> Database::QueryText(const char* sql) {
  MOA_ASSIGN_OR_RETURN(Statement query, Statement::Prepare(*this, sql));
  MOA_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::InternalError(absl::StrCat("store ", path_, ": no row from ", sql));
  return std::string(query.Bytes(0));
}

absl::Status Database::ErrorOf(int code) const { return ErrorOfCode(handle_, path_, code); }

absl::StatusOr<Statement> Statement::Prepare(Database& database, const char* sql) {
  sqlite3_stmt* handle = nullptr;
  const int code =
      sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (code != SQLITE_OK) return database.ErrorOf(code);
  return Statement(database, handle);
}

void Statement::BindInteger(int parameter, int64_t value) {
  MOA_CHECK(sqlite3_bind_int64(handle_.get(), parameter, value) == SQLITE_OK);
}

void Statement::BindText(int parameter, absl::string_view value) {
  // A null pointer would bind NULL, not the empty text.
  const char* data = value.data() == nullptr ? "" : value.data();
  MOA_CHECK(sqlite3_bind_text64(handle_.get(), parameter, data, value.size(), SQLITE_STATIC,
                                SQLITE_UTF8) == SQLITE_OK);
}

void Statement::BindBlob(int parameter, absl::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  MOA_CHECK(sqlite3_bind_blob64(handle_.get(), parameter, data, value.size(), SQLITE_STATIC) ==
            SQLITE_OK);
}

void Statement::BindNull(int parameter) {
  MOA_CHECK(sqlite3_bind_null(handle_.get(), parameter) == SQLITE_OK);
}

absl::StatusOr<bool> Statement::Step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->ErrorOf(code);
}

absl::Status Statement::Run() {
  const int code = RunForCode();
  return code == SQLITE_DONE ? absl::OkStatus() : database_->ErrorOf(code);
}

int Statement::RunForCode() {
  const int code = sqlite3_step(handle_.get());
  sqlite3_reset(handle_.get());
  return code;
}

void Statement::Reset() { sqlite3_reset(handle_.get()); }

int64_t Statement::Integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }

absl::string_view Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(handle_.get(), column);
  const int size = sqlite3_column_bytes(handle_.get(), column);
  return {static_cast<const char*>(data), static_cast<size_t>(size)};
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

}  // namespace moa
