#include "client/gateway/console.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace moa::gateway {
namespace {

constexpr absl::string_view kNotBuilt =
    "<!doctype html><html lang=\"en\"><head><meta "
    "charset=\"utf-8\"><title>moa-gateway</title></head><body>"
    "<h1>moa-gateway</h1><p>The web console was not built into this program: node or npm was "
    "missing. The API is "
    "there: <a href=\"/v1/models\">/v1/models</a>.</p></body></html>\n";

constexpr absl::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' "
    "data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for "
    "'script'; "
    "trusted-types 'none'";

void AddSecurityHeaders(HttpResponse& response) {
  response.AddHeader("Content-Security-Policy", kPolicy)
      .AddHeader("X-Content-Type-Options", "nosniff")
      .AddHeader("Referrer-Policy", "no-referrer")
      .AddHeader("Cross-Origin-Opener-Policy", "same-origin")
      .AddHeader("Cross-Origin-Resource-Policy", "same-origin");
}

// "gzip;q=0" refuses it.
bool TakesGzip(absl::string_view accept) {
  for (const absl::string_view one : absl::StrSplit(accept, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(one, absl::MaxSplits(';', 1));
    const absl::string_view coding = absl::StripAsciiWhitespace(parts.first);
    if (!absl::EqualsIgnoreCase(coding, "gzip")) continue;
    const absl::string_view weight = absl::StripAsciiWhitespace(parts.second);
    double q = 1;
    if (absl::StartsWithIgnoreCase(weight, "q=") && !absl::SimpleAtod(weight.substr(2), &q)) q = 0;
    return q > 0;
  }
  return false;
}

bool HasTag(absl::string_view if_none_match, absl::string_view tag) {
  for (absl::string_view one : absl::StrSplit(if_none_match, ',')) {
    one = absl::StripAsciiWhitespace(one);
    if (absl::StartsWith(one, "W/")) one.remove_prefix(2);
    if (one == tag || one == "*") return true;
  }
  return false;
}

HttpResponse Plain(int status, absl::string_view type, absl::string_view text) {
  HttpResponse response(status, type, std::string(text));
  AddSecurityHeaders(response);
  response.AddHeader("Cache-Control", "no-store");
  return response;
}

}  // namespace

bool IsConsolePath(absl::string_view path) {
  return path == "/" || absl::StartsWith(path, "/assets/");
}

HttpResponse ConsoleResponse(const HttpRequest& request, absl::Span<const ConsoleFile> files) {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse response = Plain(405, "text/plain; charset=utf-8", "this can only be read\n");
    response.AddHeader("Allow", "GET, HEAD");
    return response;
  }
  const ConsoleFile* file = nullptr;
  for (const ConsoleFile& one : files) {
    if (one.path == request.path) file = &one;
  }
  if (file == nullptr) {
    if (request.path == "/") return Plain(200, "text/html; charset=utf-8", kNotBuilt);
    return Plain(404, "text/plain; charset=utf-8", "there is no such file\n");
  }
  const bool gzip = TakesGzip(request.Header("Accept-Encoding"));
  const std::string tag = absl::StrCat("\"", file->hash, gzip ? "-gzip" : "", "\"");
  const bool known = HasTag(request.Header("If-None-Match"), tag);
  HttpResponse response =
      known ? HttpResponse(304)
            : HttpResponse(200, file->content_type, std::string(gzip ? file->gzip : file->body));
  if (gzip && !known) response.AddHeader("Content-Encoding", "gzip");
  response.AddHeader("ETag", tag).AddHeader("Vary", "Accept-Encoding");
  response.AddHeader("Cache-Control",
                     request.path == "/" ? "no-cache" : "public, max-age=31536000, immutable");
  AddSecurityHeaders(response);
  return response;
}

}  // namespace moa::gateway
