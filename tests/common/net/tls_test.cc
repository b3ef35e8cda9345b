#include "common/net/tls.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/net/grpc_defaults.h"
#include "moa/v1/worker.grpc.pb.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A certificate with its key, made on the spot (elliptic curve, so it takes a millisecond).
struct Identity {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
  std::unique_ptr<X509, decltype(&X509_free)> certificate{X509_new(), &X509_free};
};

void AddExtension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by `issuer`, or by itself when there is none.
Identity MakeIdentity(const char* name, const Identity* issuer) {
  static long serial = 1;
  Identity made;
  X509* x = made.certificate.get();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  X509_set_pubkey(x, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->certificate.get() : x));
  if (issuer == nullptr) {
    AddExtension(x, NID_basic_constraints, "critical,CA:TRUE");
  } else {
    AddExtension(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  }
  X509_sign(x, issuer ? issuer->key.get() : made.key.get(), EVP_sha256());
  return made;
}

class TlsTest : public testing::Test {
 protected:
  TlsTest()
      : directory_(absl::StrCat(testing::TempDir(), "/moa_tls_", getpid())),
        ca_(MakeIdentity("test ca", nullptr)) {
    EXPECT_EQ(system(absl::StrCat("mkdir -p ", directory_).c_str()), 0);
    Write("ca", ca_);
    Write("server", MakeIdentity("server", &ca_));
    Write("client", MakeIdentity("client", &ca_));
    Write("stranger", MakeIdentity("stranger", nullptr));
    std::ofstream(Path("garbled.pem")) << "-----BEGIN CERTIFICATE-----\nnonsense\n";
  }
  ~TlsTest() override { EXPECT_EQ(system(absl::StrCat("rm -r ", directory_).c_str()), 0); }

  std::string Path(const std::string& name) const { return absl::StrCat(directory_, "/", name); }

  void Write(const std::string& name, const Identity& identity) {
    FILE* file = fopen(Path(name + ".pem").c_str(), "w");
    PEM_write_X509(file, identity.certificate.get());
    fclose(file);
    file = fopen(Path(name + ".key").c_str(), "w");
    PEM_write_PrivateKey(file, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    fclose(file);
  }

  // OK when the server answered at all: that it does not implement the method shows that the
  // handshake passed.
  absl::Status Dial(const Address& address, const ClientTlsFiles& files) {
    const auto credentials = MakeChannelCredentials(files);
    if (!credentials.ok()) return credentials.status();
    return Call(grpc::CreateCustomChannel(address.ToString(), *credentials, ChannelDefaults()));
  }
  // The same for one address of a name.
  absl::Status DialOne(const Address& address, const std::string& name,
                       const ClientTlsFiles& files) {
    const auto credentials = MakeChannelCredentials(files);
    if (!credentials.ok()) return credentials.status();
    return Call(CreateChannelTo(address, name, *credentials, ChannelDefaults()));
  }
  static absl::Status Call(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    auto stream = v1::WorkerHub::NewStub(channel)->Connect(&context);
    stream->WritesDone();
    const grpc::Status status = stream->Finish();
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) return absl::OkStatus();
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }

  absl::StatusOr<RunningServer> Serve(const ServerTlsFiles& files,
                                      const std::string& host = "127.0.0.1") {
    const auto credentials = MakeServerCredentials(files);
    if (!credentials.ok()) return credentials.status();
    grpc::ServerBuilder builder;
    SetServerDefaults(builder);
    builder.RegisterService(&service_);
    return StartServer(builder, {host, 0}, *credentials);
  }

  const std::string directory_;
  const Identity ca_;
  v1::WorkerHub::CallbackService service_;
};

TEST_F(TlsTest, ClientsWithTheRightAuthorityConnect) {
  ASSERT_OK_AND_ASSIGN(const RunningServer running,
                       Serve({.cert = Path("server.pem"), .key = Path("server.key")}));
  EXPECT_OK(Dial(running.address, {.ca = Path("ca.pem")}));
  EXPECT_THAT(Dial(running.address, {.ca = Path("stranger.pem")}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Dial(running.address, {}), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(TlsTest, AServerWithAClientAuthorityRefusesStrangers) {
  ASSERT_OK_AND_ASSIGN(
      const RunningServer running,
      Serve({.cert = Path("server.pem"), .key = Path("server.key"), .client_ca = Path("ca.pem")}));
  EXPECT_OK(Dial(running.address,
                 {.ca = Path("ca.pem"), .cert = Path("client.pem"), .key = Path("client.key")}));
  EXPECT_THAT(Dial(running.address, {.ca = Path("ca.pem")}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(
      Dial(running.address,
           {.ca = Path("ca.pem"), .cert = Path("stranger.pem"), .key = Path("stranger.key")}),
      StatusIs(absl::StatusCode::kUnavailable));
}

// The certificate is for localhost and 127.0.0.1.
TEST_F(TlsTest, AnAddressOfANameIsTrustedByTheName) {
  ASSERT_OK_AND_ASSIGN(const RunningServer running,
                       Serve({.cert = Path("server.pem"), .key = Path("server.key")}, "127.0.0.2"));
  const ClientTlsFiles files = {.ca = Path("ca.pem")};
  EXPECT_OK(DialOne(running.address, "localhost:7070", files));
  EXPECT_THAT(DialOne(running.address, "other.example:7070", files),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Dial(running.address, files), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(TlsTest, AnIpv6AddressOfANameToo) {
  const auto running = Serve({.cert = Path("server.pem"), .key = Path("server.key")}, "::1");
  if (!running.ok()) GTEST_SKIP() << "this host has no IPv6: " << running.status();
  EXPECT_OK(DialOne(running->address, "localhost:7070", {.ca = Path("ca.pem")}));
}

TEST_F(TlsTest, MistakesInTheFilesNameTheFlagAndTheFile) {
  EXPECT_THAT(MakeServerCredentials({.cert = Path("server.pem")}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--tls-key")));
  EXPECT_THAT(
      MakeServerCredentials({.cert = Path("none.pem"), .key = Path("server.key")}),
      StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr("--tls-cert"), HasSubstr("none.pem"))));
  EXPECT_THAT(MakeServerCredentials({.cert = Path("garbled.pem"), .key = Path("server.key")}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("garbled.pem")));
  EXPECT_THAT(MakeServerCredentials({.cert = Path("server.pem"), .key = Path("server.pem")}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("private key")));
  EXPECT_THAT(MakeServerCredentials({.cert = Path("server.pem"), .key = Path("client.key")}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not belong")));
  EXPECT_THAT(MakeServerCredentials({.cert = Path("server.pem"),
                                     .key = Path("server.key"),
                                     .client_ca = Path("garbled.pem")}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--tls-client-ca")));
  EXPECT_THAT(MakeChannelCredentials({.cert = Path("client.pem"), .key = Path("client.key")}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--tls-ca")));
  EXPECT_THAT(MakeChannelCredentials({.ca = Path("garbled.pem")}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("garbled.pem")));
}

}  // namespace
}  // namespace moa
