#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/loop/loop.h"
#include "worker/upstream/chat_request.h"
#include "worker/upstream/completion.h"
#include "worker/upstream/provider.h"
#include "worker/upstream/upstream_options.h"

namespace moa::upstream {

// 0 is never a call's id.
using CallId = uint64_t;

struct ChatCallbacks {
  // Streamed calls only; may be null. A piece of text that arrived, either view possibly empty,
  // both valid during the call only. Never cuts a code point. All pieces together are the text in
  // full; they all come before `done`, none after Cancel.
  absl::AnyInvocable<void(absl::string_view content, absl::string_view reasoning)> delta;
  // Exactly once for each Start; required.
  absl::AnyInvocable<void(CallResult result)> done;
};

// The text is what has been handed to `delta`; empty for a call that is not streamed.
struct CallProgress {
  absl::string_view content;
  absl::string_view reasoning;
  absl::Time last_byte_time;  // Loop::Now's clock; infinite past while no byte of a reply has come
};

struct ModelsResult {
  std::vector<std::string> models;  // ids, sorted
  std::optional<AttemptError> error;
};

// The client of the Cerebras inference API (or of what speaks like it): chat completions, streamed
// or whole, on libcurl's multi interface, its sockets watched by a Loop. It makes each call once;
// when to make it again is the coordinator's decision, for which a result says `retryable` and
// `retry_after`. (libcurl itself repeats a request when a kept connection turns out to have been
// closed before any byte of a reply, or when the server says that it has not processed it: an
// HTTP/2 stream refused, or beyond a GOAWAY.)
//
// Over TLS, calls share HTTP/2 connections where the server offers it; else each has an HTTP/1.1
// connection of its own, kept for the next call. TLS sessions and looked-up names are shared.
//
// Where bytes pile up: a reply's text in its call, up to response_bytes_max, until the call ends; a
// piece of a stream, up to event_bytes_max, until its end has come; nothing else. What arrives is
// read at once and never paused, so no connection's window is filled by a call that nobody watches
// (on HTTP/2 that would stop its neighbours); a slow watcher is told the text so far when it is
// ready (Progress), not sent a queue of pieces.
//
//   auto client = *UpstreamClient::Create(loop, options);     // on any thread
//   loop.Post([&] {
//     id = client->Start(std::move(request), {.delta = …, .done = …});
//   });
//
// Owner: the worker's composition root. Loop thread only, the destructor included, but for Create;
// callbacks come on that thread, and never from inside Start, ListModels or Cancel, so callers may
// call those from anywhere, callbacks included. Nothing blocks, name lookups included.
class UpstreamClient {
 public:
  // Errors: kInvalidArgument for options that cannot be used, naming them; the key's own when it
  // cannot be read. Connects nowhere. `loop` is borrowed and outlives the client.
  static absl::StatusOr<std::unique_ptr<UpstreamClient>> Create(Loop& loop,
                                                                UpstreamOptions options);

  // Ends every call with kCancelled (their `done` runs inside). REQUIRES: not inside a callback.
  ~UpstreamClient();
  UpstreamClient(const UpstreamClient&) = delete;
  UpstreamClient& operator=(const UpstreamClient&) = delete;

  // Starts a call. A request that cannot be sent ends, as all do, through `done`.
  CallId Start(ChatRequest request, ChatCallbacks callbacks);

  // Ends the call with kCancelled and closes its connection (its stream, on HTTP/2) in whatever
  // phase it is. False when there is no such call or its result is already on its way to `done`.
  bool Cancel(CallId id);

  // GET /v1/models, 10 s at most.
  CallId ListModels(absl::AnyInvocable<void(ModelsResult result)> done);

  // Opens connections ahead of the first calls, `count` at most (one is enough for many calls on
  // HTTP/2), by a request that costs the provider nothing. Failures are ignored: the first call
  // reports them better.
  void WarmUp(size_t count = 1);

  // Reads the key again; calls started from now on carry it. On an error the old key stays.
  absl::Status ReloadApiKey();

  // What has come of a running call so far; nullopt when there is no such call. The views are valid
  // until the next turn of the loop. A caller that starts to watch a call late gets its text here
  // and, when it ignored the deltas before, follows them from these sizes on.
  std::optional<CallProgress> Progress(CallId id) const;

  size_t calls_in_flight() const;

  // What it speaks; constant.
  const Provider& provider() const;
  // KeyFingerprint of the key that calls carry now.
  const std::string& key_fingerprint() const;

 private:
  class Core;
  UpstreamClient(Loop& loop, std::unique_ptr<Core> core);

  Loop& loop_;
  std::unique_ptr<Core> core_;
};

}  // namespace moa::upstream
