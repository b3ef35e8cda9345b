#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/store/postgres/session.h"

namespace moa {

// Jobs lie in partitions of a week each, by their ids, which begin with the time of their making; what fits none lies in a
// default one. So the jobs of a week go by dropping tables, which costs the same however many there are. Blocking.

// Makes the partitions of the week of `now` and some weeks ahead, where they are missing. Waits at most a second for
// their place; UNAVAILABLE then: there is time to try again, and meanwhile the default partition takes what comes.
absl::Status MakePartitions(Session& session, absl::Time now);

// Drops partitions that hold only jobs that ended before `before`, with their idempotency keys. Returns how many jobs
// went. With `dry_run` nothing does.
absl::StatusOr<uint64_t> DropPartitions(Session& session, absl::Time before, bool dry_run);

// What an id made at `time` begins with, or a later one's is greater than: 10 characters.
std::string IdPrefix(absl::Time time);

}  // namespace moa
