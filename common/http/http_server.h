#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/http/http_message.h"
#include "common/http/http_responder.h"

namespace moa {

struct HttpServerOptions {
  // HOST:PORT; HOST an IPv4 address, an IPv6 one in brackets, or a name (its first address); port
  // 0: any.
  std::string listen = "127.0.0.1:0";
  // Each thread serves the connections given to it in turn. One does about 100,000 requests a
  // second.
  int threads = 1;

  // Limits: what a client can make the server hold, and for how long.
  size_t header_bytes_max = 64 * 1024;                // request line and headers; above: 431
  size_t body_bytes_max = 8 * 1024 * 1024;            // above: 413
  size_t write_queue_bytes_max = 8 << 20;             // a client that does not read; above: reset
  int connections_max = 16'384;                       // one more is answered 503 and closed
  absl::Duration header_timeout = absl::Seconds(30);  // from a request's first byte; above: 408
  absl::Duration body_timeout = absl::Seconds(60);    // from the end of the headers; above: 408
  absl::Duration idle_timeout = absl::Seconds(300);   // between requests; above: closed
  absl::Duration write_timeout = absl::Seconds(60);   // no byte taken by the client; above: reset

  // Replies to what never reaches the handler (400, 408, 413, 431, 503), so that they have the
  // program's own error format. Default: the reason as plain text. Any thread.
  std::function<HttpResponse(int status, absl::string_view message)> error_response;
};

// A snapshot; the parts are not taken at one instant.
struct HttpServerStats {
  int64_t connections = 0;  // open now
  int64_t connections_total = 0;
  int64_t connections_refused_total = 0;
  int64_t requests_total = 0;  // that reached the handler
};

// Called on a connection's thread for each complete request. It must not block; answering later is
// what the responder is for.
using HttpHandler = std::function<void(const HttpRequest&, HttpResponder)>;

// An asynchronous HTTP/1.1 server: keep-alive, chunked requests and replies, Expect: 100-continue,
// HEAD, TCP_NODELAY. One request at a time a connection (pipelined ones wait). No TLS, no HTTP/2: a
// reverse proxy adds them.
//
//   MOA_ASSIGN_OR_RETURN(auto server, HttpServer::Start({.listen = "127.0.0.1:0"}, handler));
//   PrintListening("http", server->address());
//   …
//   server->Stop(absl::Seconds(10));
//
// Owner: the composition root. The handler's captures outlive the server. Thread-safe.
class HttpServer {
 public:
  // Binds, listens and starts the threads. Errors name the address: InvalidArgument (not HOST:PORT,
  // or the name is unknown), FailedPrecondition (the port is taken), PermissionDenied, Unavailable
  // (other).
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(HttpServerOptions options,
                                                           HttpHandler handler);
  ~HttpServer();  // Stop without grace
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // As bound: the port is a real one.
  const std::string& address() const;
  int port() const;

  // Stops accepting, closes idle connections, lets running exchanges end for `grace`, cuts the rest
  // (their OnClientGone is called) and joins the threads. Idempotent. REQUIRES: not on a thread of
  // the server.
  void Stop(absl::Duration grace);

  HttpServerStats stats() const;

 private:
  class Core;  // hides Boost
  explicit HttpServer(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace moa
