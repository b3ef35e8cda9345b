#include "common/http/http_server.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_matchers.h"
#include "tests/common/http/raw_client.h"

namespace moa {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kGet[] = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

// Something that happens once, on another thread.
class Event {
 public:
  void Set() {
    const std::lock_guard<std::mutex> lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  // False when it did not happen within ten seconds.
  bool Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

class HttpServerTest : public testing::Test {
 protected:
  void Serve(HttpHandler handler, HttpServerOptions options = {}) {
    absl::StatusOr<std::unique_ptr<HttpServer>> server =
        HttpServer::Start(std::move(options), std::move(handler));
    ASSERT_OK(server);
    server_ = *std::move(server);
  }
  int port() const { return server_->port(); }

  std::unique_ptr<HttpServer> server_;
};

HttpHandler Echo() {
  return [](const HttpRequest& request, HttpResponder responder) {
    responder.Send(HttpResponse(
        200, "text/plain",
        absl::StrCat(request.method, " ", request.path, " [", request.query, "] ", request.body)));
  };
}

TEST_F(HttpServerTest, AnswersSeveralRequestsOnOneConnection) {
  Serve(Echo());
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    client.Send(absl::StrCat("POST /a?n=", i, " HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"));
    EXPECT_THAT(client.ReadReply(), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                                          HasSubstr(absl::StrCat("POST /a [n=", i, "] hi"))));
  }
  EXPECT_EQ(server_->stats().connections_total, 1);
  EXPECT_EQ(server_->stats().requests_total, 3);
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  Serve(Echo());
  RawClient client(port());
  std::string all;
  for (int i = 0; i < 50; ++i) absl::StrAppend(&all, "GET /", i, " HTTP/1.1\r\n\r\n");
  client.Send(all);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client.ReadReply(), HasSubstr(absl::StrCat("GET /", i, " ")));
  }
}

// Each byte arrives in a segment of its own.
TEST_F(HttpServerTest, ReadsARequestThatComesByteByByte) {
  Serve(Echo());
  RawClient client(port());
  const std::string request = "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
  for (const char c : request) client.Send({&c, 1});
  EXPECT_THAT(client.ReadReply(), HasSubstr("POST /x [] hello"));
}

TEST_F(HttpServerTest, ReadsChunkedBodies) {
  Serve(Echo());
  RawClient client(port());
  client.Send(
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(client.ReadReply(), HasSubstr("abcde"));
}

TEST_F(HttpServerTest, TellsAWaitingClientToSendItsBody) {
  Serve(Echo());
  RawClient client(port());
  client.Send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue"));
  client.Send("ok");
  EXPECT_THAT(client.ReadReply(), HasSubstr("POST / [] ok"));
}

TEST_F(HttpServerTest, LeavesOutTheBodyForHead) {
  Serve(Echo());
  RawClient client(port());
  client.Send("HEAD /h HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string reply = client.ReadAll();
  EXPECT_THAT(reply, HasSubstr("Content-Length: 11\r\n"));
  EXPECT_EQ(BodyOf(reply), "");
}

TEST_F(HttpServerTest, ClosesWhenTheClientAsksForIt) {
  Serve(Echo());
  RawClient client(port());
  client.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.ReadAll(), AllOf(HasSubstr("Connection: close"), HasSubstr("GET / [] ")));
}

TEST_F(HttpServerTest, CanAnswerLaterFromAnotherThread) {
  std::thread answerer;
  Serve([&](const HttpRequest&, HttpResponder responder) {
    answerer =
        std::thread([responder]() mutable { responder.Send(HttpResponse(201, "", "later")); });
  });
  RawClient client(port());
  client.Send(kGet);
  EXPECT_THAT(client.ReadReply(), AllOf(StartsWith("HTTP/1.1 201 Created"), HasSubstr("later")));
  answerer.join();
}

TEST_F(HttpServerTest, SendsEachPieceOfAStreamAtOnce) {
  HttpResponder kept;
  Event started;
  Serve([&](const HttpRequest&, HttpResponder responder) {
    responder.StartStream(HttpResponse(200, "text/event-stream", ""));
    responder.Write("data: 1\n\n");
    kept = responder;
    started.Set();
  });
  RawClient client(port());
  client.Send(kGet);
  // The stream has not ended, and still its first piece is here.
  EXPECT_THAT(client.ReadUntil("data: 1\n\n\r\n"), HasSubstr("Transfer-Encoding: chunked"));
  ASSERT_TRUE(started.Wait());
  EXPECT_TRUE(kept.Write("data: 2\n\n"));
  EXPECT_EQ(client.ReadUntil("data: 2\n\n\r\n"), "9\r\ndata: 2\n\n\r\n");
  kept.End();
  EXPECT_EQ(client.ReadUntil("0\r\n\r\n"), "0\r\n\r\n");
  EXPECT_FALSE(kept.active());
  EXPECT_FALSE(kept.Write("too late"));
}

TEST_F(HttpServerTest, TimersOfAnExchangeRunOnItsConnection) {
  Serve([](const HttpRequest&, HttpResponder responder) {
    responder.CallAfter(absl::Seconds(100), [responder]() mutable { responder.Abort(); });
    // Replaces the one before.
    responder.CallAfter(absl::Milliseconds(1), [responder]() mutable {
      responder.Send(HttpResponse(200, "", "in time"));
    });
  });
  RawClient client(port());
  client.Send(kGet);
  EXPECT_THAT(client.ReadReply(), HasSubstr("in time"));
}

TEST_F(HttpServerTest, AnswersForAHandlerThatForgets) {
  Serve([](const HttpRequest&, HttpResponder) {});
  EXPECT_THAT(Fetch(port(), "GET", "/"), StartsWith("HTTP/1.1 500 "));
}

// A started stream cannot turn into a 500: the missing last chunk tells the client.
TEST_F(HttpServerTest, CutsAForgottenStream) {
  Serve([](const HttpRequest&, HttpResponder responder) {
    responder.StartStream(HttpResponse(200));
    responder.Write("half");
  });
  RawClient client(port());
  client.Send(kGet);
  EXPECT_THAT(client.ReadAll(), AllOf(HasSubstr("half"), Not(HasSubstr("0\r\n\r\n"))));
}

TEST_F(HttpServerTest, NoticesThatTheClientHasGone) {
  Event arrived;
  Event gone;
  HttpResponder kept;
  Serve([&](const HttpRequest&, HttpResponder responder) {
    kept = responder;
    responder.OnClientGone([&] { gone.Set(); });
    arrived.Set();
  });
  RawClient client(port());
  client.Send(kGet);
  ASSERT_TRUE(arrived.Wait());
  EXPECT_TRUE(kept.active());
  client.Close();
  EXPECT_TRUE(gone.Wait());
  EXPECT_FALSE(kept.active());
  Event late;
  kept.OnClientGone([&] { late.Set(); });
  EXPECT_TRUE(late.Wait());
}

TEST_F(HttpServerTest, AbortResetsTheConnection) {
  Serve([](const HttpRequest&, HttpResponder responder) { responder.Abort(); });
  RawClient client(port());
  client.Send(kGet);
  bool reset = false;
  EXPECT_EQ(client.ReadAll(&reset), "");
  EXPECT_TRUE(reset);
}

TEST_F(HttpServerTest, RawBytesGoOutAsTheyAre) {
  Serve([](const HttpRequest&, HttpResponder responder) {
    responder.WriteRaw("HTTP/1.1 299 Odd\r\nContent-Length: 99\r\n\r\n");
    responder.WriteRaw("short\xff");
    responder.Close();
  });
  RawClient client(port());
  client.Send(kGet);
  EXPECT_EQ(client.ReadAll(), "HTTP/1.1 299 Odd\r\nContent-Length: 99\r\n\r\nshort\xff");
}

// A client that does not read costs a bounded buffer.
TEST_F(HttpServerTest, CutsAClientThatDoesNotRead) {
  Event gone;
  std::atomic<bool> refused{false};
  HttpServerOptions options;
  options.write_queue_bytes_max = 1 << 20;
  Serve(
      [&](const HttpRequest&, HttpResponder responder) {
        responder.OnClientGone([&] { gone.Set(); });
        responder.StartStream(HttpResponse(200));
        const std::string piece(64 * 1024, 'x');
        // More than the queue and the kernel's buffers together.
        for (int i = 0; i < 1'000 && !refused; ++i) refused = !responder.Write(piece);
      },
      options);
  RawClient client(port());
  client.Send(kGet);
  EXPECT_TRUE(gone.Wait());
  EXPECT_TRUE(refused);
}

TEST_F(HttpServerTest, CutsAClientThatStopsReadingAfterTheWriteTimeout) {
  Event gone;
  HttpResponder kept;
  HttpServerOptions options;
  options.write_timeout = absl::Milliseconds(50);
  options.write_queue_bytes_max = 64 << 20;
  Serve(
      [&](const HttpRequest&, HttpResponder responder) {
        kept = responder;
        responder.OnClientGone([&] { gone.Set(); });
        responder.StartStream(HttpResponse(200));
        responder.Write(std::string(32 << 20, 'x'));
      },
      options);
  RawClient client(port());
  client.Send(kGet);
  EXPECT_TRUE(gone.Wait());
}

TEST_F(HttpServerTest, RefusesWhatIsTooLargeOrNotHttp) {
  HttpServerOptions options;
  options.body_bytes_max = 100;
  options.header_bytes_max = 1'000;
  options.error_response = [](int status, absl::string_view) {
    return HttpResponse(status, "text/x-ours", "ours");
  };
  Serve(Echo(), options);
  EXPECT_THAT(Fetch(port(), "POST", "/", std::string(100, 'x')), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Fetch(port(), "POST", "/", std::string(101, 'x')),
              AllOf(StartsWith("HTTP/1.1 413"), HasSubstr("text/x-ours")));
  EXPECT_THAT(Fetch(port(), "GET", absl::StrCat("/", std::string(2'000, 'x'))),
              StartsWith("HTTP/1.1 431"));
  RawClient client(port());
  client.Send("nonsense\r\n\r\n");
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 400"));
  RawClient chunked(port());
  chunked.Send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n" +
               std::string(512, 'x'));
  EXPECT_THAT(chunked.ReadAll(), StartsWith("HTTP/1.1 413"));
}

// A proxy in front that reads it otherwise would take the end of a body for a request, or ask for another host.
TEST_F(HttpServerTest, RefusesWhatCanBeReadInTwoWays) {
  Serve(Echo());
  for (const char* headers :
       {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n", "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: identity\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Host: a\r\nHost: a\r\n"}) {
    RawClient client(port());
    client.Send(absl::StrCat("POST / HTTP/1.1\r\n", headers, "\r\n3\r\nabc\r\n0\r\n\r\n"));
    EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 400")) << headers;
  }
}

TEST_F(HttpServerTest, GivesUpOnRequestsThatDoNotArrive) {
  HttpServerOptions options;
  options.header_timeout = absl::Milliseconds(40);
  options.body_timeout = absl::Milliseconds(40);
  options.idle_timeout = absl::Milliseconds(40);
  Serve(Echo(), options);
  RawClient half_header(port());
  half_header.Send("GET / HT");
  EXPECT_THAT(half_header.ReadAll(), StartsWith("HTTP/1.1 408"));
  RawClient half_body(port());
  half_body.Send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhal");
  EXPECT_THAT(half_body.ReadAll(), StartsWith("HTTP/1.1 408"));
  RawClient idle(port());
  idle.Send(kGet);
  idle.ReadReply();
  EXPECT_EQ(idle.ReadAll(), "");  // closed without a word
}

TEST_F(HttpServerTest, RefusesConnectionsAboveTheLimit) {
  HttpServerOptions options;
  options.connections_max = 1;
  Serve(Echo(), options);
  RawClient first(port());
  first.Send(kGet);
  EXPECT_THAT(first.ReadReply(), StartsWith("HTTP/1.1 200"));
  RawClient second(port());
  EXPECT_THAT(second.ReadAll(), StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(server_->stats().connections_refused_total, 1);
}

TEST_F(HttpServerTest, NamesTheAddressThatIsTaken) {
  Serve(Echo());
  HttpServerOptions options;
  options.listen = server_->address();
  EXPECT_THAT(HttpServer::Start(options, Echo()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(server_->address())));
}

TEST_F(HttpServerTest, RejectsAddressesThatAreNone) {
  for (const char* listen : {"", "localhost", ":80", "127.0.0.1:x", "127.0.0.1:65536", "[::1]"}) {
    HttpServerOptions options;
    options.listen = listen;
    EXPECT_THAT(HttpServer::Start(options, Echo()), StatusIs(absl::StatusCode::kInvalidArgument))
        << listen;
  }
}

// A running exchange ends properly, idle connections close, and nobody new is let in.
TEST_F(HttpServerTest, StopWaitsForRunningExchanges) {
  HttpResponder kept;
  Event arrived;
  Serve([&](const HttpRequest& request, HttpResponder responder) {
    if (request.path == "/quick") return responder.Send(HttpResponse(204));
    kept = responder;
    arrived.Set();
  });
  RawClient idle(port());
  idle.Send("GET /quick HTTP/1.1\r\n\r\n");
  EXPECT_THAT(idle.ReadReply(), StartsWith("HTTP/1.1 204"));
  RawClient client(port());
  client.Send(kGet);
  ASSERT_TRUE(arrived.Wait());
  std::thread stopper([&] { server_->Stop(absl::Seconds(30)); });
  EXPECT_EQ(idle.ReadAll(), "");
  kept.Send(HttpResponse(200, "", "last words"));
  EXPECT_THAT(client.ReadAll(), AllOf(HasSubstr("Connection: close"), HasSubstr("last words")));
  client.Close();
  stopper.join();
}

TEST_F(HttpServerTest, StopCutsWhatDoesNotEndInTime) {
  Event arrived;
  std::atomic<bool> gone{false};
  HttpResponder kept;
  Serve([&](const HttpRequest&, HttpResponder responder) {
    responder.OnClientGone([&] { gone = true; });
    kept = responder;
    arrived.Set();
  });
  RawClient client(port());
  client.Send(kGet);
  ASSERT_TRUE(arrived.Wait());
  server_->Stop(absl::Milliseconds(10));
  EXPECT_TRUE(gone);
  // A responder may outlive the server.
  server_.reset();
  EXPECT_FALSE(kept.active());
}

TEST_F(HttpServerTest, ServesManyConnectionsOnSeveralThreads) {
  HttpServerOptions options;
  options.threads = 4;
  Serve(Echo(), options);
  std::vector<std::thread> threads;
  std::atomic<int> answered{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        if (absl::StrContains(Fetch(port(), "POST", "/t", "body"), "POST /t [] body")) ++answered;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 200);
}

}  // namespace
}  // namespace moa
