#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/job_store.h"

namespace moa {

// What a store tells, and who runs its callbacks; as the fields of GroupWriter::Options.
struct StoreHooks {
  JobStore::CallbackRunner run_callbacks;
  std::function<void(size_t writes, absl::Duration took, bool ok)> tried;
};

// Opens the store that `--store` names: `sqlite:PATH`, an embedded database in one file, or
// `postgres://USER:PASSWORD@HOST:PORT/DATABASE` (or postgresql://). Blocks.
//   INVALID_ARGUMENT  not an address of a store; the message says what is one, and never a password
//   others            as OpenSqliteJobStore and OpenPostgresJobStore
absl::StatusOr<std::unique_ptr<JobStore>> OpenJobStore(absl::string_view url, StoreHooks hooks,
                                                       uint64_t free_bytes_min = 0);

}  // namespace moa
