#pragma once

#include <cstddef>
#include <string>

#include "worker/upstream/api_key.h"

namespace moa::upstream {

// How an UpstreamClient is set up. Create says which values cannot be used.
struct UpstreamOptions {
  // http[s]://HOST[:PORT][/PATH]; a trailing "/" or "/v1" is accepted and dropped.
  std::string base_url = "https://api.cerebras.ai";
  ApiKey api_key;
  // A name of Providers(), or "auto": what GuessProvider makes of the base URL.
  std::string provider = "auto";
  // Send prompt cache keys where the provider takes them from accounts that have this enabled; from
  // others they would make every call fail.
  bool prompt_cache_key = false;
  // The provider's front end blocks requests without one.
  std::string user_agent = "moa-worker/0.1.0";
  // Certificates to trust instead of the system's; empty: the system's. Verification is always on.
  std::string ca_file;
  std::string ca_dir;
  // Calls at once; one beyond ends with kInternal. Prevents a caller's defect from exhausting file
  // descriptors.
  size_t calls_max = 1024;
  // Connections, running and kept for reuse; 0: as many as the calls need. Calls beyond wait.
  size_t connections_max = 0;
  // Calls that share a connection where the server speaks HTTP/2; more open another one. Bounds what
  // a lost packet, a slow peer or a GOAWAY of one connection holds up.
  size_t streams_per_connection = 32;
  // Bodies beyond these end the call with kInvalidRequest and kMalformedResponse. They keep one
  // conversation or one runaway reply from filling the memory. Of a stream, the text counts; what is
  // around it (kStreamOverhead) may be many times more.
  size_t request_bytes_max = 32 << 20;
  size_t response_bytes_max = 16 << 20;
  // A line or an event of a stream, and a reply's header lines together.
  size_t event_bytes_max = 4 << 20;
  size_t header_bytes_max = 64 << 10;
  // Bodies of at least so many bytes are sent compressed by gzip where the provider takes that; 0:
  // none is. Below, the processor's time is worth more than the packets.
  size_t gzip_from_bytes = 16 << 10;
};

// A streamed reply may have so many bytes for one of its text: each token comes with an envelope.
inline constexpr size_t kStreamOverhead = 16;

}  // namespace moa::upstream
