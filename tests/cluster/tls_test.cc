#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"

namespace moa::cluster {
namespace {

using testing::HasSubstr;

// The way the README describes for other hosts: a coordinator with a certificate that asks its peers for
// theirs, and a throw-away authority that signs both.
class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    OpenSsl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "2", "-subj", "/CN=test authority", "-keyout", Path("ca.key"), "-out",
             Path("ca.pem")});
    Certify("server", "127.0.0.1");
    Certify("peer", "127.0.0.1");
    cluster_.StartSimulator({"--time-scale", "0"});
    cluster_.StartCoordinator({"--tls-cert", Path("server.pem"), "--tls-key", Path("server.key"),
                               "--tls-client-ca", Path("ca.pem")});
  }

  std::string Path(const std::string& name) const { return cluster_.Path(name); }

  void OpenSsl(const Args& args) {
    const CommandResult result = RunToEnd({.program = "/usr/bin/openssl",
                                           .args = args,
                                           .output_path = Path("openssl.out"),
                                           .log_path = Path("openssl.log")});
    if (result.status != 0) throw std::runtime_error(absl::StrCat("openssl: ", result.err));
  }

  // NAME.key and NAME.pem, signed by the authority.
  void Certify(const std::string& name, const std::string& address) {
    OpenSsl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
             "/CN=" + name, "-keyout", Path(name + ".key"), "-out", Path(name + ".csr")});
    WriteFile(Path("names.cnf"), "subjectAltName=IP:" + address + "\n");
    OpenSsl({"x509", "-req", "-days", "2", "-in", Path(name + ".csr"), "-CA", Path("ca.pem"),
             "-CAkey", Path("ca.key"), "-CAcreateserial", "-extfile", Path("names.cnf"), "-out",
             Path(name + ".pem")});
  }

  Args PeerFlags() const {
    return {"--tls-ca",       Path("ca.pem"), "--tls-cert",
            Path("peer.pem"), "--tls-key",    Path("peer.key")};
  }
  CommandResult MoactlAsPeer(Args args) {
    const Args flags = PeerFlags();
    args.insert(args.begin(), flags.begin(), flags.end());
    return cluster_.Moactl(args);
  }

  MiniCluster cluster_;
};

TEST_F(TlsTest, AJobRunsBetweenPeersThatShowTheirCertificates) {
  cluster_.StartWorker("worker", PeerFlags());
  const CommandResult result = MoactlAsPeer(
      {"submit", "-f", cluster_.JobFile("a.yaml", kWorkshopJob), "--wait", "-o", "json"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(ParseJob(result.out).upstream_calls, 7);
}

TEST_F(TlsTest, AClientWithoutACertificateIsRefused) {
  const CommandResult result = cluster_.Moactl({"--tls-ca", Path("ca.pem"), "health"});
  EXPECT_EQ(result.status, 3) << result.out;
  EXPECT_THAT(result.err, HasSubstr(cluster_.coordinator_address()));
}

TEST_F(TlsTest, AClientThatSpeaksClearTextIsRefused) {
  const CommandResult result = cluster_.Moactl({"health"});
  EXPECT_EQ(result.status, 3) << result.out;
}

// A worker that was given the wrong authority keeps trying and never learns of a task.
TEST_F(TlsTest, AWorkerTrustsOnlyItsAuthority) {
  OpenSsl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-days", "2", "-subj", "/CN=somebody else", "-keyout", Path("other.key"), "-out",
           Path("other.pem")});
  Process& worker =
      cluster_.StartWorker("worker", {"--tls-ca", Path("other.pem"), "--tls-cert", Path("peer.pem"),
                                      "--tls-key", Path("peer.key")});
  worker.WaitForLog("cannot reach the coordinator");
  EXPECT_TRUE(worker.Running());
  EXPECT_THAT(MoactlAsPeer({"workers", "-o", "json"}).out, testing::Not(HasSubstr("worker_id")));
}

}  // namespace
}  // namespace moa::cluster
