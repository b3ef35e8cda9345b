#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace moa {

// The IP addresses that a host's name has now, of both families, in no order. Asks the system's resolver (getaddrinfo)
// and blocks until it has answered: for many seconds while a DNS server is away, so never on a loop. Thread-safe.
//
// NotFound: there is no such name, or no address belongs to it now. Unavailable: that could not be found out.
absl::StatusOr<std::vector<std::string>> ResolveHost(const std::string& host);

}  // namespace moa
