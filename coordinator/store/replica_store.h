#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/text.h"
#include "coordinator/store/job_store.h"

namespace moa {

// A coordinator that shares the store (docs/adr/0014).
struct Member {
  uint64_t epoch = 0;
  std::string address;  // where the others reach it; "" before its first renewal
  std::string host;     // the name of its machine
  bool dead =
      false;  // declared dead: it writes nothing any more. Its row goes when it owns no unfinished job
  uint64_t renewals = 0;
  uint64_t jobs = 0;  // unfinished ones that it owned at its last renewal
};

// The part of one quota that a member uses; what is in `share` is the scheduler's matter.
struct StoredShare {
  uint64_t member = 0;
  std::string quota_key;
  std::string model;
  Text share;
};

// What all members know of each other, as one member read it.
struct ClusterView {
  uint64_t version = 0;  // changes with each Change and each new member
  std::vector<Member> members;
  std::vector<StoredShare> shares;  // of members that are not dead
};

// What the coordinators of one store share beside its jobs. A member is who called NextEpoch; its jobs are those that
// it inserted or claimed. Once it has been declared dead, none of its writes is applied.
//
// Owner: the store. Thread-safe; blocks on the database: not for a loop's thread. Errors beside those named are
// UNAVAILABLE: try again.
class ReplicaStore {
 public:
  virtual ~ReplicaStore() = default;

  // Says that this member lives, and reads what there is. `address` and `jobs` are its own.
  // FAILED_PRECONDITION: it was declared dead.
  virtual absl::StatusOr<ClusterView> Renew(const std::string& address, uint64_t jobs) = 0;

  // Changes what was decided on the base of the view of that version; all of it or nothing.
  //   ABORTED              the view is of the past: renew, and decide again
  //   FAILED_PRECONDITION  this member was declared dead
  struct Change {
    // Members to declare dead, as they were seen: with their epoch and renewals. One that has renewed since, or is busy
    // writing, is left alone.
    std::vector<Member> dead;
    std::vector<StoredShare> shares;       // this member's, new or changed
    std::vector<StoredShare> gone_shares;  // this member's, to be forgotten; without `share`
  };
  virtual absl::Status Apply(uint64_t version, const Change& change) = 0;

  // Takes up to `limit` unfinished jobs that nobody owns, or whose owner is dead, the oldest first, and reads them.
  // Others that claim at the same time get others. FAILED_PRECONDITION: this member was declared dead. ABORTED: it has
  // renewed since Renew last returned, so that what was asked before and not answered counts for nothing: renew again.
  virtual absl::StatusOr<std::vector<StoredJob>> Claim(size_t limit) = 0;

  // Who is there, for people.
  virtual absl::StatusOr<std::vector<Member>> Members() = 0;

  // A job's row with its owner. NOT_FOUND: no such job.
  virtual absl::StatusOr<JobRow> Find(const JobId& id) = 0;

  // Gives up unfinished jobs, of which all that was written must be durable. Those that this member does not own are
  // left alone. Errors as Claim.
  virtual absl::Status Release(const std::vector<JobId>& jobs) = 0;

  // This member declares itself dead: its jobs are free at once. After its last write.
  virtual absl::Status Leave() = 0;
};

}  // namespace moa
