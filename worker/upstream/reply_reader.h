#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "worker/upstream/completion.h"
#include "worker/upstream/failure.h"
#include "worker/upstream/sse_parser.h"

namespace moa::upstream {

// What has come of a streamed reply.
struct StreamedReply {
  Completion completion;
  uint32_t chunks = 0;  // that held content, reasoning or a piece of a tool call
  bool done = false;    // [DONE] has come: what follows is ignored
  // The error object or error event that ended the stream.
  std::optional<ProviderError> error;
};

// Reads the provider's JSON, whole replies and pieces of a stream, as CEREBRAS_API section 3 has
// them, and tolerant as it says: every member may be absent or null, a piece may hold content and
// reasoning (under that name, or as other servers have it, `reasoning_content`), or usage only. Of several choices the first (index 0) counts.
//
// Ill-formed UTF-8 inside a text does not make a reply unreadable: its bytes are kept, so that a
// character cut in two by a broken provider is whole again when the pieces are put together. Lone
// surrogate escapes become U+FFFD.
//
// Keeps its parser's memory from call to call: one reader for all calls of a thread. Externally
// synchronised.
class ReplyReader {
 public:
  ReplyReader();
  ~ReplyReader();

  // Adds an event of a stream to `reply`. kInvalidArgument: not the API's JSON; `reply` is as it
  // was.
  absl::Status AddEvent(const SseParser::Event& event, StreamedReply* reply);

  // Reads a whole reply. kInvalidArgument: not JSON, or without a choice. A body that is an error
  // object fills `error` instead and is OK.
  absl::Status ReadWhole(absl::string_view body, Completion* completion,
                         std::optional<ProviderError>* error);

  // The ids of GET /v1/models, sorted.
  absl::Status ReadModels(absl::string_view body, std::vector<std::string>* models);

  // The error in the body of a reply that is not 200, flat or under "error". A body that is no JSON
  // object (a proxy's page) yields its first words as the message, markup left out.
  ProviderError ReadError(absl::string_view body);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace moa::upstream
