#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/upstream/messages_json.h"

namespace moa::upstream {

// What a server of the chat completions API understands beyond the part that all have in common:
// the paths under /v1, `model`, `messages`, `stream`, sampling, `stop`, `seed`, `tools`. Some refuse
// a field that they do not know (Cerebras, OpenAI), others ignore it without a word (Ollama takes no
// notice of max_completion_tokens), so each is sent its own dialect. A value type.
struct Provider {
  // As --provider takes it, and as people are shown it.
  absl::string_view name = "compatible";

  // The limit on tokens is called max_completion_tokens; else by its older name, max_tokens.
  bool max_completion_tokens = false;
  bool reasoning_effort = true;
  // A stream tells its usage only when it is asked to (stream_options.include_usage).
  bool ask_for_usage = true;
  // prompt_cache_key: kIfAllowed where the account must have it enabled, so that an operator has to
  // say so.
  enum class CacheKey { kNever, kIfAllowed, kAlways };
  CacheKey prompt_cache_key = CacheKey::kNever;
  // Takes request bodies with Content-Encoding: gzip.
  bool gzip_requests = false;
  // A GET that costs the server nothing and needs no more than a connection.
  absl::string_view warm_path = "/v1/models";
  MessageStyle messages = {};
};

// Every provider that --provider can name. "compatible", for servers that nobody has described, has
// the fields that are accepted or ignored everywhere, Cerebras' own service included.
absl::Span<const Provider> Providers();

// Null for a name that is not there.
const Provider* FindProvider(absl::string_view name);

// The one that answers at `base_url`, as far as its host and port tell: api.cerebras.ai and
// api.openai.com are themselves, port 11434 is Ollama's; anything else is "compatible".
const Provider& GuessProvider(absl::string_view base_url);

// "https://host:port" of a URL, in lower case, without the port that the scheme implies; what
// belongs to one server, however its URL is written. Empty when `url` has no "://".
std::string OriginOf(absl::string_view url);

}  // namespace moa::upstream
