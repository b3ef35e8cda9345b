#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/flags/flags.h"

namespace moa {

// PEM files of a listener (--tls-cert, --tls-key, --tls-client-ca).
struct ServerTlsFiles {
  std::string cert = "";       // the chain, the server's own certificate first
  std::string key = "";        // its private key, without a passphrase
  std::string client_ca = "";  // when set, clients must show a certificate that this one signed

  bool empty() const { return cert.empty() && key.empty() && client_ca.empty(); }
};

// PEM files of a dialler (--tls-ca, --tls-cert, --tls-key).
struct ClientTlsFiles {
  std::string ca = "";    // who signed the servers' certificates; turns TLS on
  std::string cert = "";  // shown to servers that ask for one
  std::string key = "";

  bool empty() const { return ca.empty() && cert.empty() && key.empty(); }
};

// Adds the flags, under the group "TLS".
void AddServerTlsFlags(FlagSet& flags, ServerTlsFiles* files);
void AddClientTlsFlags(FlagSet& flags, ClientTlsFiles* files);

// Credentials from the files, or insecure ones when none is given. The files are read again when they
// change (within 10 s), so that certificates are renewed without a restart; connections that exist stay.
//
// InvalidArgument or NotFound names the flag and the file: one of cert and key missing, not readable, not
// PEM, a key that does not fit its certificate.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const ServerTlsFiles& files);
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const ClientTlsFiles& files);

}  // namespace moa
