#include "common/net/address.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace moa {
namespace {

absl::Status BadAddress(absl::string_view text, absl::string_view why) {
  // The text is a person's: cut, so that a slip of the paste buffer does not fill the screen.
  return absl::InvalidArgumentError(
      absl::StrCat("\"", RepairUtf8(Utf8Prefix(text, 200)), "\" is not an address: ", why));
}

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
}

bool IsIpv6(absl::string_view host) {
  in6_addr parsed{};
  // A zone ("%eth0") belongs to link-local addresses and is not inet_pton's.
  const std::string plain(host.substr(0, host.find('%')));
  return inet_pton(AF_INET6, plain.c_str(), &parsed) == 1;
}

}  // namespace

std::string Address::ToString() const {
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]:", port)
                                      : absl::StrCat(host, ":", port);
}

absl::StatusOr<Address> ParseAddress(absl::string_view text) {
  Address address;
  absl::string_view port;
  if (absl::StartsWith(text, "[")) {
    const size_t end = text.find(']');
    if (end == absl::string_view::npos || text.substr(end + 1, 1) != ":") {
      return BadAddress(text, "write an IPv6 address as [ADDRESS]:PORT");
    }
    address.host = std::string(text.substr(1, end - 1));
    port = text.substr(end + 2);
    if (!IsIpv6(address.host)) return BadAddress(text, "no IPv6 address stands in the brackets");
  } else {
    const size_t colon = text.rfind(':');
    if (colon == absl::string_view::npos) return BadAddress(text, "write it as HOST:PORT");
    address.host = std::string(text.substr(0, colon));
    port = text.substr(colon + 1);
    if (absl::StrContains(text, "//")) {
      return BadAddress(text, "write HOST:PORT without a scheme or a path");
    }
    if (absl::StrContains(address.host, ':')) {
      return BadAddress(text, "write an IPv6 address as [ADDRESS]:PORT");
    }
    if (address.host.empty()) {
      return BadAddress(text, "the host is missing (0.0.0.0 or [::] means every interface)");
    }
    if (!std::all_of(address.host.begin(), address.host.end(), IsHostCharacter)) {
      return BadAddress(text, "a host has only letters, digits, '.', '-' and '_'");
    }
  }
  uint32_t number = 0;
  if (port.empty() || port.size() > 5 ||
      !std::all_of(port.begin(), port.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(port, &number) || number > 65535) {
    return BadAddress(text, "the port must be a number from 0 to 65535");
  }
  address.port = static_cast<uint16_t>(number);
  return address;
}

bool IsIpAddress(absl::string_view host) {
  in_addr parsed{};
  return inet_pton(AF_INET, std::string(host).c_str(), &parsed) == 1 || IsIpv6(host);
}

std::string HostName() {
  char name[256] = "";
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

bool IsLoopback(absl::string_view host) {
  const std::string name = absl::AsciiStrToLower(host);
  if (name == "localhost" || absl::EndsWith(name, ".localhost")) return true;
  in_addr v4{};
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  if (inet_pton(AF_INET6, name.c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_LOOPBACK(&v6)) return true;
  return IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127;
}

absl::Status CheckListenAllowed(const Address& address, bool has_tls, bool insecure) {
  if (has_tls || insecure || IsLoopback(address.host)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "refusing to listen on ", address.ToString(),
      " without TLS: other machines could read and send everything there. Give --tls-cert and "
      "--tls-key, listen on 127.0.0.1, or say --insecure if the network is trusted"));
}

}  // namespace moa
