// What the client makes of a provider, or of something on the way, that misbehaves.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "absl/strings/str_cat.h"
#include "tests/worker/upstream/client_rig.h"
#include "tests/worker/upstream/recorded_replies.h"
#include "tests/worker/upstream/scripted_server.h"

namespace moa::upstream {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// The error that a call gets when the server does `script` after it has read the request.
AttemptError ErrorOf(const ScriptedServer::Script& script, bool stream = false,
                     const Timeouts& timeouts = {}, size_t response_bytes_max = 16 << 20) {
  ScriptedServer server([&](ScriptedConnection& connection) {
    if (!connection.ReadRequest().empty()) script(connection);
  });
  UpstreamOptions options = ClientRig::OptionsFor(server.url());
  options.response_bytes_max = response_bytes_max;
  ClientRig rig(options);
  ChatRequest request = SimpleRequest(stream);
  request.timeouts = timeouts;
  const auto call = rig.Start(std::move(request));
  const CallResult result = call->Result();
  EXPECT_EQ(call->done_count(), 1);
  EXPECT_FALSE(result.ok());
  if (result.ok()) return AttemptError();
  EXPECT_THAT(result.error().error.message, AllOf(Not(HasSubstr("csk-secret")), Not("")));
  return result.error();
}

AttemptError ErrorOfReply(const std::string& reply, bool stream = false) {
  return ErrorOf(
      [&](ScriptedConnection& connection) {
        connection.Send(reply);
        connection.Close();
      },
      stream);
}

TEST(UpstreamFaultTest, ClassifiesErrorReplies) {
  const AttemptError wrong_key = ErrorOfReply(HttpReply(
      "401 Unauthorized", "application/json",
      R"({"message":"Wrong API Key csk-secret","type":"invalid_request_error","param":"api_key","code":"wrong_api_key"})"));
  EXPECT_EQ(wrong_key.error.code, ErrorCode::kUnauthorized);
  EXPECT_EQ(wrong_key.error.http_status, 401u);
  EXPECT_EQ(wrong_key.error.upstream_code, "wrong_api_key");
  EXPECT_FALSE(wrong_key.retryable);
  EXPECT_THAT(wrong_key.error.message,
              AllOf(HasSubstr("refused the API key"), HasSubstr("CEREBRAS_API_KEY"),
                    HasSubstr("http://127.0.0.1:")));

  const AttemptError quota = ErrorOfReply(
      HttpReply("429 Too Many Requests", "application/json",
                R"({"message":"Tokens","type":"t","param":"quota","code":"token_quota_exceeded"})",
                "Retry-After: 49\r\n"));
  EXPECT_EQ(quota.error.code, ErrorCode::kQuotaExceeded);
  EXPECT_TRUE(quota.retryable);
  EXPECT_EQ(quota.retry_after, absl::Seconds(49));

  const AttemptError funds = ErrorOfReply(HttpReply("402 Payment Required", "application/json",
                                                    R"({"error":{"code":"payment_required"}})",
                                                    "x-should-retry: false\r\n"));
  EXPECT_EQ(funds.error.code, ErrorCode::kPaymentRequired);
  EXPECT_FALSE(funds.retryable);
}

TEST(UpstreamFaultTest, ReadsARetryDateAgainstTheClock) {
  const std::string date = absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT",
                                            absl::Now() + absl::Hours(2), absl::UTCTimeZone());
  const AttemptError error =
      ErrorOfReply(HttpReply("503 Service Unavailable", "text/plain", "later",
                             absl::StrCat("Retry-After: ", date, "\r\n")));
  ASSERT_TRUE(error.retry_after);
  EXPECT_LE(*error.retry_after, absl::Hours(2));
  EXPECT_GT(*error.retry_after, absl::Hours(1));
}

TEST(UpstreamFaultTest, ReportsPagesBriefly) {
  const std::string page = "<html><head><title>Attention Required!</title></head><body>" +
                           std::string(100000, 'x') + "</body></html>";
  const AttemptError forbidden = ErrorOfReply(HttpReply("403 Forbidden", "text/html", page));
  EXPECT_EQ(forbidden.error.code, ErrorCode::kUnauthorized);
  EXPECT_THAT(forbidden.error.message,
              AllOf(HasSubstr("Attention Required!"), Not(HasSubstr("<html>"))));
  EXPECT_LT(forbidden.error.message.size(), 700u);
  const AttemptError unavailable =
      ErrorOfReply(HttpReply("503 Service Unavailable", "text/html", page), true);
  EXPECT_EQ(unavailable.error.code, ErrorCode::kServerError);
  EXPECT_TRUE(unavailable.retryable);
}

TEST(UpstreamFaultTest, DoesNotFollowRedirects) {
  const AttemptError error =
      ErrorOfReply(HttpReply("302 Found", "text/html", "", "Location: http://127.0.0.1:1/\r\n"));
  EXPECT_EQ(error.error.code, ErrorCode::kMalformedResponse);
  EXPECT_FALSE(error.retryable);
  EXPECT_THAT(error.error.message, HasSubstr("302"));
}

TEST(UpstreamFaultTest, ReportsAResetBeforeTheReply) {
  const AttemptError error = ErrorOf([](ScriptedConnection& connection) { connection.Reset(); });
  EXPECT_EQ(error.error.code, ErrorCode::kConnectionFailed);
  EXPECT_EQ(error.error.http_status, 0u);
  EXPECT_TRUE(error.retryable);
}

TEST(UpstreamFaultTest, ReportsAConnectionThatClosesWithoutAReply) {
  const AttemptError error = ErrorOf([](ScriptedConnection& connection) { connection.Close(); });
  EXPECT_EQ(error.error.code, ErrorCode::kConnectionFailed);
  EXPECT_TRUE(error.retryable);
}

// The usage that came before the reset is reported: the provider counted those tokens.
TEST(UpstreamFaultTest, ReportsAResetInAStreamWithItsUsage) {
  std::promise<void> seen;
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send(StreamHead() + Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],"
                                         "\"usage\":{\"total_tokens\":7}}\n\n"));
    seen.get_future().wait();
    connection.Reset();
  });
  ClientRig rig(server.url());
  const auto call = rig.Start(SimpleRequest(true));
  EXPECT_TRUE(call->WaitForContent("a"));
  seen.set_value();
  const CallResult result = call->Result();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().error.code, ErrorCode::kConnectionFailed);
  EXPECT_TRUE(result.error().retryable);
  EXPECT_EQ(result.error().usage.total_tokens, 7u);
}

TEST(UpstreamFaultTest, ReportsAStreamWithoutItsEndMark) {
  std::string cut = kStream;
  cut.resize(cut.find("data: [DONE]"));
  const AttemptError error = ErrorOfReply(StreamHead() + Chunk(cut) + Chunk(""), true);
  EXPECT_EQ(error.error.code, ErrorCode::kTruncated);
  EXPECT_EQ(error.usage.total_tokens, 104u);
  EXPECT_TRUE(error.retryable);
  EXPECT_EQ(error.error.http_status, 200u);
}

TEST(UpstreamFaultTest, ReportsAStreamCutAtAnyByte) {
  const std::string stream = kStream;
  size_t end = 0;
  ScriptedServer server([&](ScriptedConnection& connection) {
    while (!connection.ReadRequest().empty()) {
      connection.Send(StreamHead() + (end == 0 ? "" : Chunk(stream.substr(0, end))) + Chunk(""));
    }
  });
  ClientRig rig(server.url());
  const size_t mark_end = stream.size() - 2;  // "data: [DONE]" without its line ends
  for (end = 0; end <= stream.size(); ++end) {
    const CallResult result = rig.Start(SimpleRequest(true))->Result();
    ASSERT_EQ(result.ok(), end >= mark_end) << end;
    if (!result.ok()) {
      ASSERT_EQ(result.error().error.code, ErrorCode::kTruncated) << end;
    }
  }
}

TEST(UpstreamFaultTest, ReportsAChunkThatIsCutShort) {
  const AttemptError error = ErrorOfReply(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
      "ff\r\ndata: {\"cho",
      true);
  EXPECT_TRUE(error.error.code == ErrorCode::kTruncated ||
              error.error.code == ErrorCode::kConnectionFailed);
  EXPECT_TRUE(error.retryable);
}

TEST(UpstreamFaultTest, TakesAStreamThatEndsWithItsConnection) {
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    connection.Send(kStream);
  });
  ClientRig rig(server.url());
  EXPECT_EQ(rig.Start(SimpleRequest(true))->Result().completion().content, kStreamContent);
}

// The end mark has come; a reset afterwards, or a connection that never ends the reply, changes
// nothing.
TEST(UpstreamFaultTest, AReplyIsCompleteAtItsEndMark) {
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send(StreamHead() + Chunk(kStream));
    connection.WaitForPeerToLeave();
  });
  ClientRig rig(server.url());
  const CallResult result = rig.Start(SimpleRequest(true))->Result();
  ASSERT_TRUE(result.ok()) << result.error().error.message;
  EXPECT_EQ(result.completion().content, kStreamContent);
}

TEST(UpstreamFaultTest, ReportsAWholeReplyThatIsCutShort) {
  const AttemptError error = ErrorOfReply(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"cho");
  EXPECT_EQ(error.error.code, ErrorCode::kTruncated);
}

TEST(UpstreamFaultTest, ReportsAnErrorObjectInAStream) {
  const AttemptError error = ErrorOfReply(
      StreamHead() +
          Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
                "data: {\"status_code\":500,\"error\":{\"message\":\"Encountered a server error\","
                "\"type\":\"server_error\",\"param\":\"\",\"code\":\"\",\"id\":\"\"}}\n\n") +
          Chunk(""),
      true);
  EXPECT_EQ(error.error.code, ErrorCode::kServerError);
  EXPECT_EQ(error.error.http_status, 500u);
  EXPECT_TRUE(error.retryable);
  EXPECT_THAT(error.error.message, HasSubstr("Encountered a server error"));
}

TEST(UpstreamFaultTest, ReportsAnErrorEvent) {
  const AttemptError error = ErrorOfReply(
      StreamHead() + Chunk("event: error\ndata: {\"message\":\"m\",\"code\":\"x\"}\n\n"), true);
  EXPECT_EQ(error.error.code, ErrorCode::kServerError);
  EXPECT_EQ(error.error.upstream_code, "x");
}

TEST(UpstreamFaultTest, ReportsBrokenJson) {
  EXPECT_EQ(ErrorOfReply(HttpReply("200 OK", "application/json", "{\"choices\":[{")).error.code,
            ErrorCode::kMalformedResponse);
  EXPECT_EQ(ErrorOfReply(HttpReply("200 OK", "text/html", "<html>hello</html>")).error.code,
            ErrorCode::kMalformedResponse);
  EXPECT_EQ(ErrorOfReply(StreamHead() + Chunk("data: {\"choices\":[\n\n"), true).error.code,
            ErrorCode::kMalformedResponse);
}

TEST(UpstreamFaultTest, ReportsWhatIsNotHttp) {
  const AttemptError error = ErrorOfReply("SSH-2.0-OpenSSH_9.2\r\n");
  EXPECT_EQ(error.error.code, ErrorCode::kMalformedResponse);
}

TEST(UpstreamFaultTest, KeepsIllFormedTextOfAReply) {
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send(HttpReply("200 OK", "application/json",
                              "{\"choices\":[{\"message\":{\"content\":\"a\xFF\x62\"}}]}"));
    connection.WaitForPeerToLeave();
  });
  ClientRig rig(server.url());
  EXPECT_EQ(rig.Start(SimpleRequest())->Result().completion().content, "a\xFF\x62");
}

TEST(UpstreamFaultTest, StopsAReplyThatIsTooLarge) {
  const auto endless = [](ScriptedConnection& connection) {
    connection.Send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
    while (connection.Send(std::string(10000, ' '))) {
    }
  };
  const AttemptError whole = ErrorOf(endless, false, {}, 100000);
  EXPECT_EQ(whole.error.code, ErrorCode::kMalformedResponse);
  EXPECT_FALSE(whole.retryable);
  EXPECT_THAT(whole.error.message, HasSubstr("response_bytes_max) is 100000 bytes"));

  const auto endless_stream = [](ScriptedConnection& connection) {
    connection.Send(StreamHead());
    while (connection.Send(Chunk(": comment " + std::string(10000, 'x') + "\n\n"))) {
    }
  };
  EXPECT_THAT(ErrorOf(endless_stream, true, {}, 100000).error.message,
              HasSubstr("response_bytes_max"));
}

// Much envelope around little text is no reason to stop; too much text is.
TEST(UpstreamFaultTest, OfAStreamItsTextCounts) {
  const auto stream = [](size_t text_bytes) {
    return [text_bytes](ScriptedConnection& connection) {
      std::string events = StreamHead();
      for (size_t i = 0; i < 100; ++i) {
        events += Chunk(absl::StrCat(R"(data: {"choices":[{"index":0,"delta":{"content":")",
                                     std::string(text_bytes, 'x'), "\"}}]}\n\n"));
      }
      connection.Send(events + Chunk("data: [DONE]\n\n") + Chunk(""));
      connection.WaitForPeerToLeave();
    };
  };
  EXPECT_THAT(ErrorOf(stream(11), true, {}, 1000).error.message,
              HasSubstr("response_bytes_max) is 1000"));
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    stream(9)(connection);
  });
  UpstreamOptions options = ClientRig::OptionsFor(server.url());
  options.response_bytes_max = 1000;
  ClientRig rig(options);
  const CallResult result = rig.Start(SimpleRequest(true))->Result();
  ASSERT_TRUE(result.ok()) << result.error().error.message;
  EXPECT_EQ(result.received_bytes, 900u);
}

TEST(UpstreamFaultTest, StopsHeadersWithoutEnd) {
  const auto endless = [](ScriptedConnection& connection) {
    connection.Send("HTTP/1.1 200 OK\r\n");
    while (connection.Send("x-filler: " + std::string(1000, 'x') + "\r\n")) {
    }
  };
  const AttemptError error = ErrorOf(endless);
  EXPECT_EQ(error.error.code, ErrorCode::kMalformedResponse);
  EXPECT_FALSE(error.retryable);
  EXPECT_THAT(error.error.message, HasSubstr("header_bytes_max"));
}

TEST(UpstreamFaultTest, StopsALineWithoutEnd) {
  const auto endless = [](ScriptedConnection& connection) {
    connection.Send(StreamHead() + Chunk("data: "));
    while (connection.Send(Chunk(std::string(10000, 'x')))) {
    }
  };
  const AttemptError error = ErrorOf(endless, true);
  EXPECT_EQ(error.error.code, ErrorCode::kMalformedResponse);
  EXPECT_THAT(error.error.message, HasSubstr("event"));
}

TEST(UpstreamFaultTest, RefusesARequestThatIsTooLarge) {
  UpstreamOptions options = ClientRig::OptionsFor("http://127.0.0.1:1");
  options.request_bytes_max = 1000;
  ClientRig rig(options);
  const CallResult result = rig.Start(SimpleRequest(false, std::string(2000, 'x')))->Result();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().error.code, ErrorCode::kInvalidRequest);
  EXPECT_THAT(result.error().error.message, HasSubstr("request_bytes_max) is 1000"));
}

TEST(UpstreamFaultTest, RefusesARequestWithoutAMessage) {
  ClientRig rig("http://127.0.0.1:1");
  ChatRequest request;
  request.model = "m";
  const CallResult result = rig.Start(request)->Result();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().error.code, ErrorCode::kInvalidRequest);
}

TEST(UpstreamFaultTest, RefusesACallBeyondItsLimit) {
  ScriptedServer server([](ScriptedConnection& connection) { connection.WaitForPeerToLeave(); });
  UpstreamOptions options = ClientRig::OptionsFor(server.url());
  options.calls_max = 1;
  ClientRig rig(options);
  const auto first = rig.Start(SimpleRequest());
  const CallResult second = rig.Start(SimpleRequest())->Result();
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().error.code, ErrorCode::kInternal);
  EXPECT_THAT(second.error().error.message, HasSubstr("calls_max"));
  EXPECT_FALSE(first->done());
}

TEST(UpstreamFaultTest, ReportsARefusedConnection) {
  // A port that nobody listens on: bound, not listening, for as long as the test runs.
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ClientRig rig(absl::StrCat("http://127.0.0.1:", ntohs(address.sin_port)));
  const CallResult result = rig.Start(SimpleRequest())->Result();
  close(fd);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().error.code, ErrorCode::kConnectionFailed);
  EXPECT_TRUE(result.error().retryable);
  EXPECT_THAT(result.error().error.message, HasSubstr("http://127.0.0.1:"));
}

TEST(UpstreamFaultTest, GivesUpWhenNoReplyBegins) {
  Timeouts timeouts;
  timeouts.first_byte = absl::Milliseconds(30);
  const AttemptError error = ErrorOf(
      [](ScriptedConnection& connection) { connection.WaitForPeerToLeave(); }, false, timeouts);
  EXPECT_EQ(error.error.code, ErrorCode::kUpstreamTimeout);
  EXPECT_TRUE(error.retryable);
  EXPECT_THAT(error.error.message, HasSubstr("(first byte)"));
}

TEST(UpstreamFaultTest, GivesUpWhenAStreamStalls) {
  Timeouts timeouts;
  timeouts.idle = absl::Milliseconds(30);
  const AttemptError error = ErrorOf(
      [](ScriptedConnection& connection) {
        connection.Send(StreamHead());
        connection.WaitForPeerToLeave();
      },
      true, timeouts);
  EXPECT_EQ(error.error.code, ErrorCode::kUpstreamTimeout);
  EXPECT_THAT(error.error.message, HasSubstr("(idle)"));
}

TEST(UpstreamFaultTest, GivesUpWhenAStreamNeverEnds) {
  Timeouts timeouts;
  timeouts.total = absl::Milliseconds(50);
  const AttemptError error = ErrorOf(
      [](ScriptedConnection& connection) {
        connection.Send(StreamHead());
        while (connection.Send(Chunk(": still here\n\n"))) std::this_thread::yield();
      },
      true, timeouts);
  EXPECT_EQ(error.error.code, ErrorCode::kUpstreamTimeout);
  EXPECT_THAT(error.error.message, HasSubstr("(total)"));
}

}  // namespace
}  // namespace moa::upstream
