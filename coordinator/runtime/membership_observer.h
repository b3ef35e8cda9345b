#pragma once

#include <cstddef>

#include "absl/time/time.h"

namespace moa {

// Told what happens to a Membership, on its thread.
class MembershipObserver {
 public:
  virtual ~MembershipObserver() = default;
  // A renewal was tried. `lease_until`, by the loop's clock, counts when it succeeded.
  virtual void Renewed(bool ok, absl::Duration took, absl::Time lease_until) = 0;
  // Living members, this one included, and those declared dead whose jobs are not all taken up yet.
  virtual void MembersSeen(size_t living, size_t dead) = 0;
  virtual void Buried(size_t members) = 0;
  virtual void JobsClaimed(size_t jobs) = 0;
  virtual void JobsGivenUp(size_t jobs) = 0;
};

}  // namespace moa
