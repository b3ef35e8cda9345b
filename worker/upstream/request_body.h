#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/upstream/chat_request.h"
#include "worker/upstream/provider.h"

namespace moa::upstream {

// The body of a chat completions request: the prompt's parts stay shared, only the few bytes around
// them belong to the call. A small body is copied together once (one write, one packet); a large
// one is read piece by piece as the socket takes it, so that a hundred calls with one prompt of a
// megabyte hold that megabyte once.
//
// Externally synchronised. Reused from call to call, which keeps its buffers.
class RequestBody {
 public:
  // What `provider` does not understand is left out; a prompt cache key goes out where its table says
  // kAlways. REQUIRES: Validate(request) is OK.
  void Assign(const ChatRequest& request, const Provider& provider);
  // Lets the parts go.
  void Clear();

  size_t size() const { return size_; }

  // Replaces `out` by the whole body.
  void Flatten(std::string* out) const;

  // Copies the next bytes to `out`, at most `size_max`; returns how many, 0 at the end.
  size_t Read(char* out, size_t size_max);
  // Makes Read go on at `offset`. False when that is beyond the end.
  bool Seek(size_t offset);

 private:
  absl::string_view Piece(size_t index) const;
  size_t pieces() const { return parts_.size() + 2; }

  std::string head_;                 // from the brace to the messages' bracket
  std::vector<MessagesJson> parts_;  // not empty ones; a comma stands before all but the first
  std::string tail_;                 // from the messages' closing bracket to the end
  size_t size_ = 0;

  // Where Read is: in Piece(piece_), or in the comma before it.
  size_t piece_ = 0;
  size_t in_piece_ = 0;
};

// `bytes` compressed as Content-Encoding: gzip wants it. kInternal when zlib has no memory.
absl::StatusOr<std::string> Gzip(absl::string_view bytes);

}  // namespace moa::upstream
