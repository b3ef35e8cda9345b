#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace moa {

// What the HTTP server (http_server.h) hands to a handler and takes back from it.

struct HttpHeader {
  absl::string_view name;  // as the client wrote it; compare without case
  absl::string_view value;
};

// One complete request. Every view is borrowed and valid only until the handler returns: copy what
// is needed later. The bytes are the client's: nothing is decoded and nothing about them is
// promised.
struct HttpRequest {
  absl::string_view method;  // "GET", "POST", …
  absl::string_view target;  // path and query as sent
  absl::string_view path;    // the target before '?'
  absl::string_view query;   // the target after '?'; empty when there is none
  absl::Span<const HttpHeader> headers;
  absl::string_view body;  // whole, at most HttpServerOptions::body_bytes_max

  // The first header of that name (any case), or nullptr.
  const HttpHeader* FindHeader(absl::string_view name) const;
  // Its value; empty when there is none.
  absl::string_view Header(absl::string_view name) const;
  // The value of `name` in the query, percent-decoded; empty when there is none.
  std::string QueryValue(absl::string_view name) const;
};

// A whole reply, or the head of a streamed one. The server adds Date, Content-Length or
// Transfer-Encoding, and Connection; everything else is the handler's.
//
//   responder.Send(HttpResponse(200, "text/plain", "ok\n"));
//
// A value type.
class HttpResponse {
 public:
  HttpResponse() = default;
  explicit HttpResponse(int status_code) : status(status_code) {}
  // `content_type` empty: no such header.
  HttpResponse(int status_code, absl::string_view content_type, std::string content);

  // Appends a header line. Control characters in `value` become spaces, so that text from outside
  // cannot start a header of its own. REQUIRES: `name` is a token.
  HttpResponse& AddHeader(absl::string_view name, absl::string_view value);
  // Appends lines that are already in wire form, each ending in CRLF: for headers that are built
  // once and sent often.
  HttpResponse& AddHeaderBlock(absl::string_view lines);

  const std::string& header_block() const { return header_block_; }

  int status = 200;
  std::string body;

 private:
  std::string header_block_;
};

// "Not Found" for 404; "Unknown" for numbers without a name.
absl::string_view HttpReason(int status);

// `text` with %XX (and '+' as a space) decoded; malformed escapes stay as they are.
std::string PercentDecode(absl::string_view text);

}  // namespace moa
