#pragma once

#include <cstdint>
#include <deque>
#include <variant>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/job_store.h"

namespace moa {

// Writes as GroupWriter gathers them, and what commits them.

struct InsertWrite {
  NewJob job;
  absl::AnyInvocable<void(absl::StatusOr<InsertOutcome>)> done;
  // Set by the sink. Not OK: this job alone is refused (ALREADY_EXISTS: its id is taken).
  absl::StatusOr<InsertOutcome> outcome = InsertOutcome();
  // It may be durable: the connection was lost while it was committed. Applying it again finds out.
  bool is_in_doubt = false;
};
struct UpdateWrite {
  JobUpdate update;
  JobStore::Callback done;
};
struct EpochWrite {
  // Runs on the writer's thread: somebody blocks for it.
  absl::AnyInvocable<void(absl::StatusOr<uint64_t>)> done;
  uint64_t epoch = 0;  // set by the sink
};
using Write = std::variant<InsertWrite, UpdateWrite, EpochWrite>;
using WriteGroup = std::deque<Write>;

// A database that takes groups of writes. Owner: a GroupWriter. Externally synchronised: its thread only.
class GroupSink {
 public:
  virtual ~GroupSink() = default;

  // Applies the writes in order and sets their outcomes; they are durable when it returns OK. After an error none of
  // them is, except those that it has marked as in doubt, each of which may be.
  //
  // FAILED_PRECONDITION: it will never take a write of this owner again.
  //
  // An update of a job that the store does not hold changes nothing, nor does one that was applied before. A key of a
  // tenant that is taken names the job that has it, also one of the same group.
  virtual absl::Status Apply(WriteGroup& group) = 0;

  // A change of no meaning, to learn whether writes are taken again.
  virtual absl::Status Probe() = 0;

  // Between groups, after the callbacks.
  virtual absl::Status Upkeep() { return absl::OkStatus(); }

  // The last group has been written and all is well.
  virtual void Finish() {}
};

}  // namespace moa
