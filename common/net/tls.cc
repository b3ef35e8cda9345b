#include "common/net/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace moa {
namespace {

constexpr unsigned kReloadSeconds = 10;

using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

absl::StatusOr<BioPtr> OpenPem(absl::string_view flag, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    return absl::NotFoundError(absl::StrCat("--", flag, ": cannot read ", path));
  }
  const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  BioPtr bio(BIO_new(BIO_s_mem()), &BIO_free);
  BIO_write(bio.get(), content.data(), static_cast<int>(content.size()));
  return bio;
}

absl::StatusOr<X509Ptr> ReadCertificate(absl::string_view flag, const std::string& path) {
  MOA_ASSIGN_OR_RETURN(const BioPtr bio, OpenPem(flag, path));
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", flag, ": ", path, " holds no certificate in PEM form"));
  }
  return certificate;
}

// Certificate and key are readable and belong together; gRPC itself would only say "handshake failed",
// and only once somebody connects.
absl::Status CheckPair(const std::string& cert_path, const std::string& key_path) {
  if (cert_path.empty() || key_path.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key must be given together");
  }
  MOA_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificate("tls-cert", cert_path));
  MOA_ASSIGN_OR_RETURN(const BioPtr bio, OpenPem("tls-key", key_path));
  // A callback that knows no passphrase: OpenSSL's default would ask on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr),
                   &EVP_PKEY_free);
  if (key == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--tls-key: ", key_path, " holds no private key in PEM form without a passphrase"));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--tls-key: the key in ", key_path, " does not belong to the certificate in ", cert_path));
  }
  return absl::OkStatus();
}

}  // namespace

void AddServerTlsFlags(FlagSet& flags, ServerTlsFiles* files) {
  flags.Group("TLS");
  flags.String("tls-cert", &files->cert, "PEM file with the server's certificate and its chain");
  flags.String("tls-key", &files->key, "PEM file with the certificate's private key");
  flags.String("tls-client-ca", &files->client_ca,
               "PEM file; clients must show a certificate that it signed");
}

void AddClientTlsFlags(FlagSet& flags, ClientTlsFiles* files) {
  flags.Group("TLS");
  flags.String("tls-ca", &files->ca,
               "PEM file that signed the coordinators' certificates; turns TLS on");
  flags.String("tls-cert", &files->cert, "PEM file with the certificate to show to coordinators");
  flags.String("tls-key", &files->key, "PEM file with the certificate's private key");
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const ServerTlsFiles& files) {
  if (files.empty()) return grpc::InsecureServerCredentials();
  MOA_RETURN_IF_ERROR(CheckPair(files.cert, files.key));
  if (!files.client_ca.empty()) {
    MOA_RETURN_IF_ERROR(ReadCertificate("tls-client-ca", files.client_ca).status());
  }
  auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      files.key, files.cert, files.client_ca, kReloadSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  if (!files.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const ClientTlsFiles& files) {
  if (files.empty()) return grpc::InsecureChannelCredentials();
  if (files.ca.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key need --tls-ca as well");
  }
  MOA_RETURN_IF_ERROR(ReadCertificate("tls-ca", files.ca).status());
  const bool has_identity = !files.cert.empty() || !files.key.empty();
  if (has_identity) MOA_RETURN_IF_ERROR(CheckPair(files.cert, files.key));
  auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      files.key, files.cert, files.ca, kReloadSeconds);
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(provider);
  options.watch_root_certs();
  if (has_identity) options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace moa
