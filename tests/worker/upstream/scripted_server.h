#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/loop/mutex.h"

namespace moa::upstream {

// One accepted connection, in the hands of a script that says byte by byte what the peer sees. All
// waits end after 30 s at the latest. Used by its script's thread.
class ScriptedConnection {
 public:
  ScriptedConnection(int fd, int number, SSL_CTX* tls);
  ~ScriptedConnection();

  // 0 for the server's first connection, and so on.
  int number() const { return number_; }

  // The next request, head and body; empty when the peer closed or reset instead.
  std::string ReadRequest();
  // The bytes, as one write. False when the peer is gone.
  bool Send(absl::string_view bytes);
  // Ends the connection with a RST.
  void Reset();
  void Close();
  // Reads until the peer closes or resets; false when it did not.
  bool WaitForPeerToLeave();
  // The same on a server with TLS, whose handshake never comes.
  bool WaitForPeerToLeaveWithoutHandshake();
  // Makes another thread's wait end.
  void Interrupt();

 private:
  ssize_t Receive(char* bytes, size_t size);

  int fd_;
  const int number_;
  SSL* tls_ = nullptr;
  std::string buffered_;
};

// A TCP server on 127.0.0.1 that runs the same script, in a thread of its own, for each connection;
// the connection closes when the script returns. Destruction interrupts and joins the scripts.
class ScriptedServer {
 public:
  using Script = std::function<void(ScriptedConnection&)>;

  explicit ScriptedServer(Script script) : ScriptedServer(std::move(script), "", "") {}
  // With TLS: PEM files.
  ScriptedServer(Script script, const std::string& cert_file, const std::string& key_file);
  ~ScriptedServer();

  int port() const { return port_; }
  std::string url() const;  // "http://127.0.0.1:PORT"
  int connections() const;

 private:
  void Accept();

  const Script script_;
  SSL_CTX* tls_ = nullptr;
  int listen_fd_ = -1;
  int port_ = 0;
  mutable Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<ScriptedConnection>> connections_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

// A reply with Content-Length.
std::string HttpReply(absl::string_view status_line_rest, absl::string_view content_type,
                      absl::string_view body, absl::string_view more_headers = "");
// The head of a chunked event stream, and a chunk of it.
std::string StreamHead();
std::string Chunk(absl::string_view bytes);

}  // namespace moa::upstream
