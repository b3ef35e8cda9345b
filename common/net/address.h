#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moa {

// Where a program listens or dials: a host (an IPv4 or IPv6 address or a name) and a port. A value type.
struct Address {
  std::string host = "";  // an IPv6 address without its brackets
  uint16_t port = 0;

  // "127.0.0.1:7070", "[::1]:7070".
  std::string ToString() const;
  friend bool operator==(const Address&, const Address&) = default;
};

// Reads `HOST:PORT` or `[V6]:PORT`. Port 0 is allowed (the system picks one). InvalidArgument says what is
// wrong: no port, port out of range, an IPv6 address without brackets, a host with blanks or a slash.
absl::StatusOr<Address> ParseAddress(absl::string_view text);

// True for an IPv4 or IPv6 address (without brackets): what needs no resolver.
bool IsIpAddress(absl::string_view host);

// This machine's name; "" when it has none.
std::string HostName();

// True for 127.0.0.0/8, ::1, "localhost" and names under it: nobody else can connect there.
bool IsLoopback(absl::string_view host);

// Whether a program may listen for gRPC or HTTP on `address`: on loopback always, elsewhere with TLS or with
// --insecure. FailedPrecondition says what to do. Does not concern the metrics listener, which serves no
// secrets and is read by scrapers without certificates.
absl::Status CheckListenAllowed(const Address& address, bool has_tls, bool insecure);

}  // namespace moa
