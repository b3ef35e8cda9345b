#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/net/address.h"

namespace moa::worker {

// An address at which there may be a coordinator.
struct CoordinatorAddress {
  Address address = {};  // the host is an IP address
  std::string name =
      "";  // NAME:PORT that led to it, which its certificate is for; "" when the address was given itself

  // For logs: "10.0.0.7:7070 (moa.example:7070)".
  std::string ToString() const;
  friend bool operator==(const CoordinatorAddress&, const CoordinatorAddress&) = default;
};

// The coordinators that a worker was told, and the addresses that these stand for as far as it is known.
//
// IP addresses stand for themselves; a name stands for what it was resolved to last: its IPv4 addresses, or the IPv6 ones
// where it has no other, so that a host with both counts once. A name that cannot be resolved keeps what it had.
//
// Pure. Externally synchronised.
class CoordinatorNames {
 public:
  // Of more addresses the last ones are left out: a name that resolves to a whole network must not fill the worker.
  static constexpr size_t kAddressesMax = 64;

  explicit CoordinatorNames(const std::vector<Address>& entries = {});

  // What is to be resolved: each host once, in order; none where all entries are IP addresses.
  std::vector<std::string> hosts() const;

  // What is new about a host with this answer: an outage begins or ends.
  enum class News { kNone, kLost, kBack };
  // An answer of the resolver's (ResolveHost); one without an address is a failure.
  News Resolved(const std::string& host, const absl::StatusOr<std::vector<std::string>>& answer);

  // Each once and for the first entry that leads to it: IP addresses before names, so that an answer does not turn the one
  // into the other; within a name sorted.
  std::vector<CoordinatorAddress> addresses() const;

 private:
  struct Entry {
    Address address;
    bool is_name = false;
    std::vector<std::string> ips = {};
    bool lost = false;  // the last answer was a failure
  };

  std::vector<Entry> entries_;
};

}  // namespace moa::worker
