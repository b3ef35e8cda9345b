#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/job_store.h"

namespace moa {

// Opens the store that `--store` names: `sqlite:PATH`, an embedded database in one file, or
// `postgres://USER:PASSWORD@HOST:PORT/DATABASE` (or postgresql://). Blocks. `run_callbacks` as JobStore::CallbackRunner;
// null runs them on the writer's thread.
//   INVALID_ARGUMENT  not an address of a store; the message says what is one, and never a password
//   others            as OpenSqliteJobStore and OpenPostgresJobStore
absl::StatusOr<std::unique_ptr<JobStore>> OpenJobStore(absl::string_view url,
                                                       JobStore::CallbackRunner run_callbacks,
                                                       uint64_t free_bytes_min = 0);

}  // namespace moa
