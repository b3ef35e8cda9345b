#include "coordinator/store/open.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "coordinator/store/postgres/postgres_job_store.h"
#include "coordinator/store/sqlite/sqlite_job_store.h"

namespace moa {
namespace {

constexpr char kSupported[] =
    "it is sqlite:PATH, an embedded database in one file, or "
    "postgres://USER:PASSWORD@HOST:PORT/DATABASE";

}  // namespace

absl::StatusOr<std::unique_ptr<JobStore>> OpenJobStore(absl::string_view url, StoreHooks hooks,
                                                       uint64_t free_bytes_min) {
  if (absl::ConsumePrefix(&url, "sqlite:")) {
    if (url.empty() || url == ":memory:") {
      return absl::InvalidArgumentError(
          "the store needs the path of a file: sqlite:PATH, for example "
          "sqlite:/var/lib/moa/jobs.db");
    }
    SqliteJobStoreOptions options;
    options.writer.run_callbacks = std::move(hooks.run_callbacks);
    options.writer.tried = std::move(hooks.tried);
    options.free_bytes_min = free_bytes_min;
    return OpenSqliteJobStore(std::string(url), std::move(options));
  }
  if (absl::StartsWith(url, "postgres://") || absl::StartsWith(url, "postgresql://")) {
    PostgresJobStoreOptions options;
    options.writer.run_callbacks = std::move(hooks.run_callbacks);
    options.writer.tried = std::move(hooks.tried);
    return OpenPostgresJobStore(std::string(url), std::move(options));
  }
  if (absl::StartsWith(url, "postgres")) {
    // Without the address, which may hold a password.
    return absl::InvalidArgumentError(
        absl::StrCat("the store's address cannot be read; ", kSupported));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", url, "\" is not the address of a store; ", kSupported));
}

}  // namespace moa
