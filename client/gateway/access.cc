#include "client/gateway/access.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/flags/values.h"
#include "common/hash/sha256.h"
#include "common/log/log.h"
#include "common/net/address.h"

namespace moa::gateway {
namespace {

constexpr absl::Duration kLookInterval = absl::Seconds(1);

absl::StatusOr<std::vector<std::string>> ReadDigests(const std::string& path) {
  MOA_ASSIGN_OR_RETURN(const std::string content, ReadSecretFile(path));
  std::vector<std::string> digests;
  for (const absl::string_view line : absl::StrSplit(content, '\n')) {
    const absl::string_view token = absl::StripAsciiWhitespace(line);
    if (!token.empty()) digests.push_back(Sha256(token));
  }
  if (digests.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " holds no token"));
  return digests;
}

// Of texts of one length; does not stop at the first difference.
bool EqualInConstantTime(absl::string_view a, absl::string_view b) {
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TokenFile>> TokenFile::Open(std::string path) {
  absl::StatusOr<std::vector<std::string>> digests = ReadDigests(path);
  if (!digests.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--token-file: ", std::string(digests.status().message())));
  }
  return std::unique_ptr<TokenFile>(new TokenFile(std::move(path), *std::move(digests)));
}

TokenFile::TokenFile(std::string path, std::vector<std::string> digests)
    : path_(std::move(path)), digests_(std::move(digests)), read_at_(absl::Now()) {}

bool TokenFile::Knows(absl::string_view token) {
  const std::string digest = Sha256(token);
  const absl::Time now = absl::Now();
  MutexLock lock(mutex_);
  if (now - read_at_ >= kLookInterval || now < read_at_) {
    read_at_ = now;
    absl::StatusOr<std::vector<std::string>> digests = ReadDigests(path_);
    if (digests.ok()) {
      digests_ = *std::move(digests);
    } else if (!failing_) {
      LogWarning("token file not read; the last tokens count on",
                 {{"reason", std::string(digests.status().message())}});
    }
    failing_ = !digests.ok();
  }
  bool known = false;
  for (const std::string& one : digests_) known |= EqualInConstantTime(one, digest);
  return known;
}

std::string Access::AllowedOrigin(const HttpRequest& request) const {
  const absl::string_view origin = request.Header("Origin");
  if (origin.empty()) return "";
  for (const std::string& one : origins_) {
    if (one == origin || one == "*") return std::string(origin);
  }
  return "";
}

// `host` as the header has it: with or without a port.
bool Access::KnowsHost(absl::string_view host) const {
  if (host.empty()) return true;  // HTTP/1.0: no browser
  absl::StatusOr<Address> address = ParseAddress(host);
  if (!address.ok()) address = ParseAddress(absl::StrCat(host, ":80"));
  if (!address.ok()) return false;
  if (IsLoopback(address->host) || IsIpAddress(address->host)) return true;
  for (const std::string& origin : origins_) {
    if (origin == "*" || absl::EndsWith(origin, absl::StrCat("://", host))) return true;
  }
  return false;
}

std::optional<ApiError> Access::Check(const HttpRequest& request) const {
  const absl::string_view origin = request.Header("Origin");
  const bool own = absl::EndsWith(origin, absl::StrCat("://", request.Header("Host")));
  if (!origin.empty() && !own && AllowedOrigin(request).empty()) {
    return ApiError{.status = 403,
                    .type = "invalid_request_error",
                    .message = "pages of this origin may not use the gateway: --cors-origin",
                    .code = "origin_not_allowed",
                    .is_final = true};
  }
  if (tokens_ == nullptr) {
    if (KnowsHost(request.Header("Host"))) return std::nullopt;
    return ApiError{.status = 403,
                    .type = "invalid_request_error",
                    .message =
                        "without --token-file the gateway answers only at this machine's "
                        "own names and at those of --cors-origin",
                    .code = "host_not_allowed",
                    .is_final = true};
  }
  absl::string_view token = request.Header("Authorization");
  const bool bearer = absl::StartsWithIgnoreCase(token, "Bearer ");
  token = bearer ? absl::StripAsciiWhitespace(token.substr(7)) : absl::string_view();
  if (bearer && tokens_->Knows(token)) return std::nullopt;
  return ApiError{.status = 401,
                  .type = "invalid_request_error",
                  .message = token.empty() ? "a token is missing: Authorization: Bearer …"
                                           : "the token is not one of this gateway's",
                  .code = "invalid_api_key",
                  .is_final = true};
}

std::optional<HttpResponse> Access::Preflight(const HttpRequest& request) const {
  if (request.method != "OPTIONS" || AllowedOrigin(request).empty() ||
      request.FindHeader("Access-Control-Request-Method") == nullptr) {
    return std::nullopt;
  }
  HttpResponse response(204);
  response.AddHeader("Access-Control-Allow-Methods", "GET, HEAD, POST");
  const absl::string_view headers = request.Header("Access-Control-Request-Headers");
  if (!headers.empty()) response.AddHeader("Access-Control-Allow-Headers", headers);
  response.AddHeader("Access-Control-Max-Age", "600");
  return response;
}

}  // namespace moa::gateway
