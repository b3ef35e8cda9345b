#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "coordinator/store/sqlite/database.h"

namespace moa {

// "MoAj" in PRAGMA application_id: how a store's file is told from other programs' databases.
inline constexpr int32_t kStoreApplicationId = 0x4d6f416a;

// An event's key is its job's number shifted by this, plus its sequence: one B-tree that grows at
// its end and needs no second index. It bounds a job to 2^24 - 1 events and the store to 2^39 jobs.
inline constexpr int kSequenceBits = 24;
inline constexpr uint64_t kSequenceMax = (uint64_t{1} << kSequenceBits) - 1;

// The SQL that makes the schema of version 1 out of nothing, version 2 out of 1, and so on. A
// released entry never changes; a change of the schema is a further entry.
absl::Span<const char* const> StoreMigrations();

// OK for an empty file and for a store of a version that `migrations` knows. Only reads.
//   FAILED_PRECONDITION  another application's file, or a newer version's
//   others               as Database::ErrorOf
absl::Status CheckOwner(Database& database, absl::Span<const char* const> migrations);

// Makes `database` a store of the newest version: an empty file becomes one, an older version is
// migrated step by step, each step with its version number in one transaction, so that a crash
// leaves one version or the next. Errors as CheckOwner and Database::ErrorOf.
absl::Status PrepareSchema(Database& database, absl::Span<const char* const> migrations);

// Looks for damage for at most `time_max`: all of a small file, the first part of a large one.
// DATA_LOSS with the first finding; OK when nothing was found in that time.
absl::Status CheckIntegrity(Database& database, absl::Duration time_max);

}  // namespace moa
