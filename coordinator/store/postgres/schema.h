#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "coordinator/store/postgres/session.h"

namespace moa {

// The SQL that makes the tables of version 1 out of nothing, version 2 out of 1, and so on. A released entry never
// changes; a change of the tables is a further entry.
absl::Span<const char* const> PostgresMigrations();

// Brings the tables to the newest version, each step with its version number in one transaction. Of several programs
// that start at once one does it and the others wait. All names begin with "moa_", in the first schema of the search
// path.
//   FAILED_PRECONDITION  the tables are of a newer version
//   PERMISSION_DENIED    no right to create tables
//   others               as Session
absl::Status PreparePostgresSchema(Session& session, absl::Span<const char* const> migrations);

}  // namespace moa
