// Calls through a front that speaks TLS and HTTP/2, with the simulator behind it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/cluster/http_call.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/worker/upstream/client_rig.h"
#include "tests/worker/upstream/nginx_front.h"

namespace moa::upstream {
namespace {

using testing::AnyOf;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

using Requests = std::vector<NginxFront::Request>;
using Calls = std::vector<std::shared_ptr<RecordedCall>>;

class UpstreamHttp2Test : public testing::Test {
 protected:
  // Answers of some fifty pieces within half a second: calls that are started together run together.
  const cluster::Args slow_ = {"--slow-queue-share", "0", "--reply-tokens", "200",
                               "--time-scale",       "5"};
  const cluster::Args quick_ = {"--time-scale", "0"};

  NginxFront& StartFront(const cluster::Args& simulator, const NginxFront::Options& options = {}) {
    cluster_.StartSimulator(simulator);
    front_ = std::make_unique<NginxFront>(cluster_.simulator_address(), options);
    options_ = ClientRig::OptionsFor(front_->url());
    options_.ca_file = front_->ca_file();
    return *front_;
  }
  ClientRig& StartClient() {
    rig_ = std::make_unique<ClientRig>(options_);
    return *rig_;
  }
  Calls StartCalls(int count, bool stream = true) {
    Calls calls;
    for (int i = 0; i < count; ++i) {
      calls.push_back(rig_->Start(SimpleRequest(stream, absl::StrCat("question ", i))));
    }
    return calls;
  }
  static void ExpectAllSucceed(const Calls& calls) {
    for (const auto& call : calls) {
      const CallResult result = call->Result();
      ASSERT_TRUE(result.ok()) << result.error().error.message;
      EXPECT_EQ(result.received_bytes,
                result.completion().content.size() + result.completion().reasoning.size());
    }
  }
  bool WaitForText(const RecordedCall& call) {
    return cluster::WaitUntil([&] { return !call.content().empty() || !call.reasoning().empty(); });
  }

  cluster::MiniCluster cluster_;
  std::unique_ptr<NginxFront> front_;
  UpstreamOptions options_;
  std::unique_ptr<ClientRig> rig_;
};

TEST_F(UpstreamHttp2Test, ManyCallsShareFewConnections) {
  StartFront(slow_);
  options_.streams_per_connection = 32;
  StartClient();
  const Calls calls = StartCalls(100);
  ExpectAllSucceed(calls);
  for (const auto& call : calls) EXPECT_TRUE(call->deltas_are_whole());
  const Requests requests = front_->WaitForRequests(100);
  EXPECT_THAT(requests, Each(Field(&NginxFront::Request::protocol, "HTTP/2.0")));
  EXPECT_GE(CountConnections(requests), 2u);  // a stream limit that is not kept would need only one
  // Four would do. On a busy machine calls that end free a connection's streams after libcurl opened another.
  EXPECT_LE(CountConnections(requests), 25u);
}

// The server's own limit is below ours: no call fails for it.
TEST_F(UpstreamHttp2Test, KeepsToTheServersLimitOfStreams) {
  StartFront(slow_, {.streams_per_connection = 4});
  StartClient();
  ExpectAllSucceed(StartCalls(24));
  const Requests requests = front_->WaitForRequests(24);
  EXPECT_GE(CountConnections(requests), 2u);
  EXPECT_LE(CountConnections(requests), 24u);
}

// Only its stream is reset: the simulator sees one client leave, the others' text comes whole.
TEST_F(UpstreamHttp2Test, CancellingACallLeavesTheOthersOfItsConnectionAlone) {
  StartFront(slow_);
  StartClient();
  const Calls calls = StartCalls(5);
  for (const auto& call : calls) ASSERT_TRUE(WaitForText(*call));
  EXPECT_TRUE(rig_->Cancel(*calls[2]));
  const CallResult cancelled = calls[2]->Result();
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().error.code, ErrorCode::kCancelled);
  EXPECT_GE(cancelled.received_bytes, calls[2]->content().size() + calls[2]->reasoning().size());
  EXPECT_GT(cancelled.received_bytes, 0u);
  EXPECT_TRUE(cluster::WaitUntil([&] { return cluster_.UpstreamCallsClosedByClient() == 1; }));
  EXPECT_FALSE(calls[0]->done());  // so it was seen at once, not when the connection ended
  ExpectAllSucceed({calls[0], calls[1], calls[3], calls[4]});
  ExpectAllSucceed(StartCalls(1));
  const Requests requests = front_->WaitForRequests(6);
  EXPECT_EQ(CountConnections(requests), 1u);
  EXPECT_EQ(cluster_.UpstreamCallsClosedByClient(), 1);
}

// The server ends connections in the middle of traffic; what it had not begun is sent again elsewhere,
// also where that happens more often than libcurl has patience for.
TEST_F(UpstreamHttp2Test, AServerThatEndsConnectionsLosesNoCall) {
  for (const int requests_per_connection : {1, 7}) {
    StartFront(quick_, {.requests_per_connection = requests_per_connection});
    StartClient();
    for (int round = 0; round < 5; ++round) {
      ExpectAllSucceed(StartCalls(20));
      ExpectAllSucceed(StartCalls(20, /*stream=*/false));
    }
    if (HasFailure()) return;
    // None was answered twice either.
    EXPECT_EQ(cluster_.UpstreamCalls(), 200);
    EXPECT_GE(CountConnections(front_->WaitForRequests(200)), 200u / requests_per_connection);
  }
}

// The service dies behind its front: the running call is cut, the next one gets the front's own page.
TEST_F(UpstreamHttp2Test, ReportsAServiceThatDiesBehindItsFront) {
  StartFront(slow_);
  StartClient();
  const Calls calls = StartCalls(2);
  for (const auto& call : calls) ASSERT_TRUE(WaitForText(*call));
  cluster_.simulator().Kill();
  for (const auto& call : calls) {
    const CallResult result = call->Result();
    ASSERT_FALSE(result.ok());
    EXPECT_THAT(result.error().error.code,
                AnyOf(ErrorCode::kConnectionFailed, ErrorCode::kTruncated));
    EXPECT_TRUE(result.error().retryable);
    EXPECT_GT(result.received_bytes, 0u);
  }
  const CallResult result = rig_->Start(SimpleRequest(true))->Result();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().error.code, ErrorCode::kServerError);
  EXPECT_EQ(result.error().error.http_status, 502u);
  EXPECT_TRUE(result.error().retryable);
  EXPECT_THAT(result.error().error.message, HasSubstr("502 Bad Gateway"));
  EXPECT_THAT(result.error().error.message, Not(HasSubstr("<")));
}

TEST_F(UpstreamHttp2Test, FallsBackToHttp1WhereThereIsNoHttp2) {
  StartFront(slow_, {.http2 = false});
  StartClient();
  ExpectAllSucceed(StartCalls(10));
  ExpectAllSucceed(StartCalls(10));
  const Requests requests = front_->WaitForRequests(20);
  EXPECT_THAT(requests, Each(Field(&NginxFront::Request::protocol, "HTTP/1.1")));
  EXPECT_GE(CountConnections(requests), 10u);  // all at once
  EXPECT_LE(CountConnections(requests), 12u);  // and kept for the second ten
}

// Each call finds all connections taken and opens one. They come one after the other, since OpenSSL uses a
// TLS 1.3 ticket once: of connections that open together, only the first has one.
TEST_F(UpstreamHttp2Test, NewConnectionsResumeTheTlsSession) {
  StartFront({"--slow-queue-share", "0", "--reply-tokens", "200", "--time-scale", "100"},
             {.http2 = false});
  StartClient();
  constexpr int kCalls = 5;
  Calls calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back(rig_->Start(SimpleRequest(true)));
    ASSERT_TRUE(WaitForText(*calls.back()));
  }
  for (const auto& call : calls) EXPECT_TRUE(rig_->Cancel(*call));
  const Requests requests = front_->WaitForRequests(kCalls);
  EXPECT_EQ(CountConnections(requests), kCalls);
  const auto resumed = [](const NginxFront::Request& request) { return request.session_reused; };
  EXPECT_EQ(std::count_if(requests.begin(), requests.end(), resumed), kCalls - 1);
}

TEST_F(UpstreamHttp2Test, CallsUseTheConnectionThatWasOpenedAhead) {
  StartFront(quick_);
  options_.provider = "cerebras";
  StartClient().Run([](UpstreamClient& client) { client.WarmUp(3); });
  const Requests warm = front_->WaitForRequests(3);
  EXPECT_THAT(warm, Each(Field(&NginxFront::Request::path, "/v1/tcp_warming")));
  EXPECT_THAT(warm, Each(Field(&NginxFront::Request::status, 200)));
  ExpectAllSucceed(StartCalls(1));
  EXPECT_EQ(CountConnections(front_->WaitForRequests(4)), 1u);
}

// All connections are taken: the call waits, and is let go of at once.
TEST_F(UpstreamHttp2Test, CancelsACallThatWaitsForAConnection) {
  StartFront(slow_);
  options_.connections_max = 1;
  options_.streams_per_connection = 2;
  StartClient();
  const Calls running = StartCalls(2);
  for (const auto& call : running) ASSERT_TRUE(WaitForText(*call));
  const Calls waiting = StartCalls(3);
  EXPECT_TRUE(rig_->Cancel(*waiting[0]));
  EXPECT_EQ(waiting[0]->Result().error().error.code, ErrorCode::kCancelled);
  EXPECT_FALSE(running[0]->done());
  ExpectAllSucceed({running[0], running[1], waiting[1], waiting[2]});
  EXPECT_EQ(cluster_.UpstreamCalls(), 4);
  EXPECT_EQ(CountConnections(front_->WaitForRequests(4)), 1u);
}

// Whatever is cancelled whenever, every other call ends well: none is forgotten among those that wait.
TEST_F(UpstreamHttp2Test, NoCallIsForgottenWhileOthersAreCancelled) {
  for (const bool http2 : {true, false}) {
    StartFront({"--time-scale", "0.2", "--slow-queue-share", "0"}, {.http2 = http2});
    options_.connections_max = 2;
    options_.streams_per_connection = 4;
    StartClient();
    std::mt19937 random(7);
    for (int round = 0; round < 10; ++round) {
      Calls left;
      Calls cancelled;
      for (const auto& call : StartCalls(40)) {
        (random() % 2 == 0 ? left : cancelled).push_back(call);
      }
      std::shuffle(cancelled.begin(), cancelled.end(), random);
      for (const auto& call : cancelled) rig_->Cancel(*call);
      ExpectAllSucceed(left);
      for (const auto& call : cancelled) call->Result();
      if (HasFailure()) return;
    }
  }
}

// Compressed where the provider takes that, else in pieces as the window allows: the same arrives.
TEST_F(UpstreamHttp2Test, ALargeBodyArrivesAsItWasWritten) {
  StartFront(quick_);
  const std::string prompt(300'000, 'p');
  for (const char* provider : {"cerebras", "compatible"}) {
    options_.provider = provider;
    options_.gzip_from_bytes = 1000;
    const size_t before = front_->Requests().size();
    const CallResult result = StartClient().Start(SimpleRequest(true, prompt))->Result();
    ASSERT_TRUE(result.ok()) << result.error().error.message;
    const Requests requests = front_->WaitForRequests(before + 1);
    EXPECT_EQ(requests.back().bytes < 10'000, options_.provider == "cerebras");
    EXPECT_THAT(
        cluster::HttpCall(cluster_.simulator_address(), "GET", "/sim/requests").body,
        HasSubstr(absl::StrCat(R"("messages":[{"role":"user","content":")", prompt, "\"}]")));
    cluster::HttpCall(cluster_.simulator_address(), "POST", "/sim/reset");
  }
}

}  // namespace
}  // namespace moa::upstream
