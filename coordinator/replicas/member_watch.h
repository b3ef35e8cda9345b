#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"

namespace moa {

// What one member of the cluster has read of another.
struct MemberSeen {
  uint64_t epoch = 0;
  std::string
      place;  // machine and address; no two processes can be there at once. "": not known yet
  uint64_t renewals = 0;  // changes with each renewal
};

// Which members are to be declared dead. A member has a lease from before it sends a renewal, by its own clock; here
// the same length counts from when the renewal was first seen, by this member's clock, and a little more: no two
// clocks are compared, and none may jump. While this member could not look, the others may not have been able to renew
// either: after such a gap everything counts anew.
//
// Pure. Externally synchronised.
class MemberWatch {
 public:
  // A clock may run faster than another by this much.
  static constexpr double kDriftMax = 0.05;

  // `lease` is of all members the same; a pause between two looks that is longer than `gap_max` is a gap.
  MemberWatch(absl::Duration lease, absl::Duration gap_max) : lease_(lease), gap_max_(gap_max) {}

  // The living members as read by member `me` at `now` (monotonic, taken after reading). Returns those whose lease is
  // over, and those whose place `me` has taken.
  std::vector<uint64_t> Observe(const std::vector<MemberSeen>& living, uint64_t me, absl::Time now);

 private:
  struct Seen {
    uint64_t renewals = 0;
    absl::Time since;
  };

  const absl::Duration lease_;
  const absl::Duration gap_max_;
  absl::Time last_ = absl::InfinitePast();
  absl::btree_map<uint64_t, Seen> seen_;  // by epoch
};

}  // namespace moa
