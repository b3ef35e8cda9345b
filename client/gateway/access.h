#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/gateway/api_error.h"
#include "common/http/http_message.h"
#include "common/loop/mutex.h"

namespace moa::gateway {

// The bearer tokens of a file, one a line: any of them is let in, so that a new one can be handed out before the old one
// goes. The file is read again when a second has passed; while it cannot be read, or holds none, the tokens that were
// there last count on. Thread-safe.
class TokenFile {
 public:
  // InvalidArgument or NotFound: it cannot be read, or holds no token.
  static absl::StatusOr<std::unique_ptr<TokenFile>> Open(std::string path);

  // Takes as long for a token that is nearly right as for any other.
  bool Knows(absl::string_view token) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  TokenFile(std::string path, std::vector<std::string> digests);

  const std::string path_;
  Mutex mutex_;
  std::vector<std::string> digests_ ABSL_GUARDED_BY(mutex_);
  absl::Time read_at_ ABSL_GUARDED_BY(mutex_);
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
};

// Who may ask: with a token, where there are any; from a web page, only where its origin is listed or is the gateway's
// own, so that a page on the web cannot use the gateway of who looks at it. Without tokens the gateway is also asked by
// an address, a name of this machine or one in a listed origin only: else a page whose name is made to stand for
// 127.0.0.1 would be of the gateway's own origin. Thread-safe.
class Access {
 public:
  // `tokens` may be null: everybody.
  Access(std::unique_ptr<TokenFile> tokens, std::vector<std::string> origins)
      : tokens_(std::move(tokens)), origins_(std::move(origins)) {}

  // Why not, if not. 403, or 401 for a token that is missing or unknown.
  std::optional<ApiError> Check(const HttpRequest& request) const;
  // The request's origin where it is listed; empty otherwise.
  std::string AllowedOrigin(const HttpRequest& request) const;
  // The answer to what a browser asks before a request of another origin. Nothing where that is not what is asked.
  std::optional<HttpResponse> Preflight(const HttpRequest& request) const;

 private:
  bool KnowsHost(absl::string_view host) const;

  const std::unique_ptr<TokenFile> tokens_;
  const std::vector<std::string> origins_;
};

}  // namespace moa::gateway
