// Cancelling in every phase of a call closes its connection and ends it exactly once.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <atomic>
#include <cstring>
#include <future>

#include "common/base/check.h"
#include "tests/worker/upstream/client_rig.h"
#include "tests/worker/upstream/recorded_replies.h"
#include "tests/worker/upstream/scripted_server.h"

namespace {

// A name server that does not answer: lookups of "hanging.test" wait until the test lets them go.
struct HangingLookups {
  moa::Mutex mutex;
  moa::CondVar changed;
  bool hang ABSL_GUARDED_BY(mutex) = false;
  int waiting ABSL_GUARDED_BY(mutex) = 0;
};

HangingLookups& Lookups() {
  static auto& lookups = *new HangingLookups;
  return lookups;
}

}  // namespace

// Takes the place of the C library's for this program, libcurl included.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** result) {
  if (node != nullptr && std::strcmp(node, "hanging.test") == 0) {
    HangingLookups& lookups = Lookups();
    moa::MutexLock lock(lookups.mutex);
    ++lookups.waiting;
    lookups.changed.NotifyAll();
    while (lookups.hang) lookups.changed.Wait(lookups.mutex);
    --lookups.waiting;
    lookups.changed.NotifyAll();
    return EAI_NONAME;
  }
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(node, service, hints, result);
}

namespace moa::upstream {
namespace {

using testing::HasSubstr;

void ExpectCancelled(RecordedCall& call) {
  const CallResult result = call.Result();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().error.code, ErrorCode::kCancelled);
  EXPECT_FALSE(result.error().retryable);
}

// Cancels a call once the server has done `before`; the server must see the connection end.
void CancelAfter(const ScriptedServer::Script& before) {
  std::promise<void> reached;
  std::promise<bool> left;
  ScriptedServer server([&](ScriptedConnection& connection) {
    before(connection);
    reached.set_value();
    left.set_value(connection.WaitForPeerToLeave());
  });
  ClientRig rig(server.url());
  const auto call = rig.Start(SimpleRequest(true));
  reached.get_future().get();
  EXPECT_TRUE(rig.Cancel(*call));
  EXPECT_FALSE(rig.Cancel(*call));
  ExpectCancelled(*call);
  EXPECT_TRUE(left.get_future().get());
  rig.DestroyClient();
  EXPECT_EQ(call->done_count(), 1);
}

TEST(UpstreamCancelTest, ClosesTheConnectionAfterConnecting) {
  CancelAfter([](ScriptedConnection&) {});
}

TEST(UpstreamCancelTest, ClosesTheConnectionWhileWaitingForTheReply) {
  CancelAfter([](ScriptedConnection& connection) { connection.ReadRequest(); });
}

TEST(UpstreamCancelTest, ClosesTheConnectionInTheHeaders) {
  CancelAfter([](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send("HTTP/1.1 200 OK\r\nContent-Ty");
  });
}

TEST(UpstreamCancelTest, ClosesTheConnectionInTheStream) {
  CancelAfter([](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send(StreamHead() + Chunk(std::string(kStream).substr(0, 500)));
  });
}

// A body that the server does not read: the call hangs in sending.
TEST(UpstreamCancelTest, ClosesTheConnectionWhileSending) {
  std::promise<void> accepted;
  std::promise<bool> left;
  ScriptedServer server([&](ScriptedConnection& connection) {
    accepted.set_value();
    left.set_value(connection.WaitForPeerToLeave());
  });
  ClientRig rig(server.url());
  const auto call = rig.Start(SimpleRequest(true, std::string(20 << 20, 'x')));
  accepted.get_future().get();
  EXPECT_TRUE(rig.Cancel(*call));
  ExpectCancelled(*call);
  EXPECT_TRUE(left.get_future().get());
}

// The loop must not wait for the lookup's thread: other calls would wait with it.
TEST(UpstreamCancelTest, DoesNotWaitForAHangingNameLookup) {
  HangingLookups& lookups = Lookups();
  {
    MutexLock lock(lookups.mutex);
    lookups.hang = true;
  }
  {
    ClientRig rig("http://hanging.test:80");
    const auto call = rig.Start(SimpleRequest());
    {
      MutexLock lock(lookups.mutex);
      while (lookups.waiting == 0) lookups.changed.Wait(lookups.mutex);
    }
    EXPECT_TRUE(rig.Cancel(*call));
    ExpectCancelled(*call);
    const auto second = rig.Start(SimpleRequest());
    rig.DestroyClient();
    ExpectCancelled(*second);
  }
  MutexLock lock(lookups.mutex);
  EXPECT_GT(lookups.waiting, 0);  // all that while the lookup hung
  lookups.hang = false;
  lookups.changed.NotifyAll();
  while (lookups.waiting > 0) lookups.changed.Wait(lookups.mutex);
}

TEST(UpstreamCancelTest, GivesUpALookupThatTakesTooLong) {
  HangingLookups& lookups = Lookups();
  {
    MutexLock lock(lookups.mutex);
    lookups.hang = true;
  }
  {
    ClientRig rig("http://hanging.test:80");
    ChatRequest request = SimpleRequest();
    request.timeouts.connect = absl::Milliseconds(30);
    const CallResult result = rig.Start(std::move(request))->Result();
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().error.code, ErrorCode::kUpstreamTimeout);
    EXPECT_THAT(result.error().error.message, HasSubstr("http://hanging.test:80"));
  }
  MutexLock lock(lookups.mutex);
  lookups.hang = false;
  lookups.changed.NotifyAll();
  while (lookups.waiting > 0) lookups.changed.Wait(lookups.mutex);
}

TEST(UpstreamCancelTest, ReportsANameThatDoesNotExist) {
  ClientRig rig("http://hanging.test:80");  // answered at once while nothing hangs
  const CallResult result = rig.Start(SimpleRequest())->Result();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().error.code, ErrorCode::kConnectionFailed);
  EXPECT_TRUE(result.error().retryable);
}

TEST(UpstreamCancelTest, KnowsNoOtherCall) {
  ClientRig rig("http://127.0.0.1:1");
  rig.Run([](UpstreamClient& client) {
    EXPECT_FALSE(client.Cancel(0));
    EXPECT_FALSE(client.Cancel(77));
  });
}

TEST(UpstreamCancelTest, DestructionEndsEveryCallOnce) {
  ScriptedServer server([](ScriptedConnection& connection) { connection.WaitForPeerToLeave(); });
  ClientRig rig(server.url());
  std::vector<std::shared_ptr<RecordedCall>> calls;
  for (int i = 0; i < 20; ++i) calls.push_back(rig.Start(SimpleRequest(true)));
  rig.DestroyClient();
  for (const auto& call : calls) {
    EXPECT_EQ(call->done_count(), 1);
    ExpectCancelled(*call);
  }
}

// A callback that starts a call while the client goes away: that call is cancelled too.
TEST(UpstreamCancelTest, ACallStartedDuringDestructionIsCancelled) {
  ScriptedServer server([](ScriptedConnection& connection) { connection.WaitForPeerToLeave(); });
  ClientRig rig(server.url());
  int ended = 0;
  rig.Run([&](UpstreamClient& client) {
    ChatCallbacks outer;
    outer.done = [&](CallResult) {
      ++ended;
      ChatCallbacks inner;
      inner.done = [&](CallResult result) {
        ++ended;
        EXPECT_EQ(result.error().error.code, ErrorCode::kCancelled);
      };
      client.Start(SimpleRequest(), std::move(inner));
    };
    client.Start(SimpleRequest(), std::move(outer));
  });
  rig.DestroyClient();
  EXPECT_EQ(ended, 2);
}

// The delta callback cancels its own call, and starts another one.
TEST(UpstreamCancelTest, CallbacksMayCancelAndStart) {
  ScriptedServer server([](ScriptedConnection& connection) {
    connection.ReadRequest();
    connection.Send(StreamHead());
    connection.Send(Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"));
    connection.WaitForPeerToLeave();
  });
  ClientRig rig(server.url());
  std::promise<ErrorCode> first;
  std::promise<ErrorCode> second;
  std::atomic<int> deltas{0};
  rig.Run([&](UpstreamClient& client) {
    auto id = std::make_shared<CallId>(0);
    ChatCallbacks callbacks;
    callbacks.delta = [&, id](absl::string_view, absl::string_view) {
      ++deltas;
      EXPECT_TRUE(client.Cancel(*id));
      EXPECT_FALSE(client.Cancel(*id));
    };
    callbacks.done = [&](CallResult result) {
      first.set_value(result.error().error.code);
      ChatCallbacks more;
      more.done = [&](CallResult last) { second.set_value(last.error().error.code); };
      client.Cancel(client.Start(SimpleRequest(true), std::move(more)));
    };
    *id = client.Start(SimpleRequest(true), std::move(callbacks));
  });
  EXPECT_EQ(first.get_future().get(), ErrorCode::kCancelled);
  EXPECT_EQ(second.get_future().get(), ErrorCode::kCancelled);
  EXPECT_EQ(deltas.load(), 1);
}

// After a cancelled call its pooled handle serves the next one.
TEST(UpstreamCancelTest, TheNextCallIsUnharmed) {
  const std::string stream = kStream;
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.ReadRequest();
    if (connection.number() == 0) {
      connection.Send(StreamHead() + Chunk(stream.substr(0, stream.find(" dich"))));
      connection.WaitForPeerToLeave();
      return;
    }
    connection.Send(StreamHead() + Chunk(kStream) + Chunk(""));
    connection.WaitForPeerToLeave();
  });
  ClientRig rig(server.url());
  const auto call = rig.Start(SimpleRequest(true));
  ASSERT_TRUE(call->WaitForContent("Gr\xC3\xBC\xC3\x9F"));
  ASSERT_TRUE(rig.Cancel(*call));
  ExpectCancelled(*call);
  const CallResult next = rig.Start(SimpleRequest(true))->Result();
  ASSERT_TRUE(next.ok()) << next.error().error.message;
  EXPECT_EQ(next.completion().content, kStreamContent);
}

}  // namespace
}  // namespace moa::upstream
