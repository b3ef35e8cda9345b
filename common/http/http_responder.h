#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/http/http_message.h"

namespace moa {

class HttpExchange;  // internal: one request and the connection it came on

// Answers one request, now or later, from any thread. Exactly one of these forms ends the exchange:
//
//   Send(response)                          a whole reply
//   StartStream(head), Write(piece)…, End() a streamed one: each piece is one chunk, sent at once
//   Abort() or Close()                      no proper end (the simulator's faults, a failed
//   backend)
//
// Calls after the end, or after the client has gone, do nothing. When the last copy of a responder
// is dropped before the exchange has ended, the client gets a 500 or, in a started stream, a cut
// connection: a forgotten answer is never a hang.
//
// A cheap handle; copies are the same exchange. Owner: whoever answers; none is called after the
// server's destruction (dropping one is fine). It keeps the connection's memory, not the
// connection. Thread-safe, except that the calls of one exchange must not race with each other. On
// the connection's own thread (inside the handler and inside callbacks below) the bytes go to the
// socket before the call returns or, inside the handler, when it returns; from other threads they
// are posted. No call blocks.
class HttpResponder {
 public:
  HttpResponder() = default;  // answers nothing
  explicit HttpResponder(std::shared_ptr<HttpExchange> exchange);

  void Send(HttpResponse response);

  // Status and headers of a streamed reply; they leave with the first piece, or at once when no
  // piece follows in the same handler or callback. `head.body` must be empty.
  void StartStream(HttpResponse head);
  // One chunk. False when the client has gone, or when more than write_queue_bytes_max are waiting
  // for a client that does not read (the connection is then reset): stop producing.
  bool Write(absl::string_view piece);
  // Ends a started stream; the connection can serve another request.
  void End();

  // Bytes as they are, without chunk framing and, where the client keeps up, in a TCP segment of
  // their own; before StartStream they may even stand for status line and headers. After raw bytes
  // only Close or Abort end the exchange.
  bool WriteRaw(absl::string_view bytes);
  // Sends what was written, then closes; unlike End, a chunked reply is left without its last
  // chunk.
  void Close();
  // Drops what was not sent and resets the connection (RST).
  void Abort();

  // Calls `callback` on the connection's thread after `delay`, unless the exchange has ended or the
  // client has gone by then. One timer an exchange: a second call replaces the first.
  void CallAfter(absl::Duration delay, absl::AnyInvocable<void()> callback);
  // Calls `callback` once, on the connection's thread, when the client goes away (or is cut off by
  // a limit) before the exchange has ended. A client that only shuts down its sending side counts
  // as gone. At once if that has happened already. One callback an exchange; it is destroyed when
  // the exchange ends.
  void OnClientGone(absl::AnyInvocable<void()> callback);
  // Bytes written that the socket has not taken yet: producers that can wait do so above some mark.
  size_t queued_bytes() const;
  // False once the exchange has ended or the client has gone.
  bool active() const;

 private:
  bool WritePiece(absl::string_view piece, bool raw);

  std::shared_ptr<HttpExchange> exchange_;
};

}  // namespace moa
