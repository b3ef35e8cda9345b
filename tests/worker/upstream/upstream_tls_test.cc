// TLS is verified always: against a throw-away authority made by openssl for the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/worker/upstream/client_rig.h"
#include "tests/worker/upstream/recorded_replies.h"
#include "tests/worker/upstream/scripted_server.h"
#include "tests/worker/upstream/test_authority.h"

namespace moa::upstream {
namespace {

using testing::HasSubstr;

class UpstreamTlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    authority_ = new TestAuthority;
    authority_->MakeStranger("other");
    authority_->Sign("good", "IP:127.0.0.1,DNS:localhost");
    authority_->Sign("wrong", "DNS:example.test");
  }
  static void TearDownTestSuite() { delete authority_; }
  static std::string File(const std::string& name) { return authority_->File(name); }

  static void Serve(ScriptedConnection& connection) {
    while (!connection.ReadRequest().empty()) {
      connection.Send(HttpReply("200 OK", "application/json", kWholeReply));
    }
  }
  static CallResult Call(const std::string& certificate, const std::string& ca_file,
                         const std::string& ca_dir = "", int calls = 1) {
    ScriptedServer server(Serve, File(certificate + ".pem"), File(certificate + ".key"));
    UpstreamOptions options =
        ClientRig::OptionsFor(absl::StrCat("https://127.0.0.1:", server.port()));
    options.ca_file = ca_file;
    options.ca_dir = ca_dir;
    ClientRig rig(options);
    CallResult result;
    for (int i = 0; i < calls; ++i) result = rig.Start(SimpleRequest())->Result();
    if (result.ok()) {
      EXPECT_EQ(server.connections(), 1);
    }
    return result;
  }
  static void ExpectRefused(const CallResult& result) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().error.code, ErrorCode::kConnectionFailed);
    EXPECT_FALSE(result.error().retryable);
    EXPECT_THAT(result.error().error.message, HasSubstr("check the certificates"));
  }

  static TestAuthority* authority_;
};
TestAuthority* UpstreamTlsTest::authority_ = nullptr;

TEST_F(UpstreamTlsTest, CallsAndReusesAVerifiedConnection) {
  const CallResult result = Call("good", File("ca.pem"), "", 3);
  ASSERT_TRUE(result.ok()) << result.error().error.message;
  EXPECT_EQ(result.completion().content, "4.");
}

TEST_F(UpstreamTlsTest, TakesADirectoryOfAuthorities) {
  authority_->Shell("mkdir -p cas && cp ca.pem cas/ && openssl rehash cas");
  EXPECT_TRUE(Call("good", "", File("cas")).ok());
}

TEST_F(UpstreamTlsTest, RefusesAnUnknownAuthority) {
  ExpectRefused(Call("good", File("other.pem")));
}

TEST_F(UpstreamTlsTest, RefusesATestAuthorityUnderTheSystemsOnes) {
  ExpectRefused(Call("good", ""));
}

TEST_F(UpstreamTlsTest, RefusesAWrongHostName) { ExpectRefused(Call("wrong", File("ca.pem"))); }

TEST_F(UpstreamTlsTest, RefusesACaFileThatIsNotThere) {
  ExpectRefused(Call("good", File("missing.pem")));
}

TEST_F(UpstreamTlsTest, ReportsAServerWithoutTls) {
  ScriptedServer server([](ScriptedConnection& connection) {
    connection.Send("HTTP/1.1 400 Bad Request\r\n\r\n");
    connection.WaitForPeerToLeave();
  });
  ClientRig rig(absl::StrCat("https://127.0.0.1:", server.port()));
  const CallResult result = rig.Start(SimpleRequest())->Result();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().error.code, ErrorCode::kConnectionFailed);
}

TEST_F(UpstreamTlsTest, CancelsDuringTheHandshake) {
  ScriptedServer server([](ScriptedConnection& connection) { connection.WaitForPeerToLeave(); });
  ClientRig rig(absl::StrCat("https://127.0.0.1:", server.port()));
  const auto call = rig.Start(SimpleRequest());
  EXPECT_TRUE(rig.Cancel(*call));
  EXPECT_EQ(call->Result().error().error.code, ErrorCode::kCancelled);
}

// A call that waits for the first connection to say whether it can be shared goes on when that one is
// given up.
TEST_F(UpstreamTlsTest, ACallThatWaitedForAGivenUpConnectionOpensItsOwn) {
  ScriptedServer server(
      [](ScriptedConnection& connection) {
        if (connection.number() == 0) {
          connection.WaitForPeerToLeaveWithoutHandshake();
        } else {
          Serve(connection);
        }
      },
      File("good.pem"), File("good.key"));
  UpstreamOptions options =
      ClientRig::OptionsFor(absl::StrCat("https://127.0.0.1:", server.port()));
  options.ca_file = authority_->ca_file();
  ClientRig rig(options);
  const auto first = rig.Start(SimpleRequest());
  const auto second = rig.Start(SimpleRequest());
  const auto third = rig.Start(SimpleRequest());
  EXPECT_TRUE(rig.Cancel(*second));
  EXPECT_EQ(second->Result().error().error.code, ErrorCode::kCancelled);
  EXPECT_FALSE(third->done());
  EXPECT_TRUE(rig.Cancel(*first));
  const CallResult result = third->Result();
  ASSERT_TRUE(result.ok()) << result.error().error.message;
  EXPECT_EQ(result.completion().content, "4.");
}

}  // namespace
}  // namespace moa::upstream
