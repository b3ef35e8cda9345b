#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace moa {

// A client that writes what it is told, byte for byte, for what a proper HTTP client cannot be made
// to do. Every wait is bounded: a server that stays silent is a failed read, not a hang. Externally
// synchronised.
class RawClient {
 public:
  // Connects to 127.0.0.1:`port`; aborts the test program when nobody listens there.
  explicit RawClient(int port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void Send(absl::string_view bytes);
  // Reads until `text` has come, and returns everything up to its end; what was read when the
  // server closed or 10 seconds passed first.
  std::string ReadUntil(absl::string_view text);
  // Reads one reply with Content-Length or chunks: head and body as they came.
  std::string ReadReply();
  // Reads until the server closes. `*reset` tells whether it did so by a reset.
  std::string ReadAll(bool* reset = nullptr);
  void Close();

 private:
  enum class ReadResult { kBytes, kEnd, kReset, kTimeout };
  ReadResult ReadMore();

  int fd_ = -1;
  std::string buffer_;  // read, not yet returned
};

// Sends `request` on a connection of its own with Connection: close and returns the whole reply.
std::string Fetch(int port, absl::string_view method, absl::string_view target,
                  absl::string_view body = "", absl::string_view header_lines = "");

// The part after the blank line; of a chunked reply the chunks joined.
std::string BodyOf(absl::string_view reply);

}  // namespace moa
