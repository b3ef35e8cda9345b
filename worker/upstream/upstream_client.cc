#include "worker/upstream/upstream_client.h"

#include <curl/curl.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/check.h"
#include "worker/upstream/client_core.h"

namespace moa::upstream {
namespace {

constexpr size_t kCallsMaxLimit = 100'000;
constexpr size_t kBodyBytesLimit = size_t{1} << 30;
constexpr size_t kStreamsLimit = 10'000;

struct UrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

absl::StatusOr<std::string> NormaliseBaseUrl(absl::string_view text) {
  const auto bad = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the base URL ", why, "; it reads http[s]://HOST[:PORT], as https://api.cerebras.ai"));
  };
  std::string url(absl::StripAsciiWhitespace(text));
  while (absl::EndsWith(url, "/")) url.pop_back();
  if (absl::EndsWith(url, "/v1")) url.resize(url.size() - 3);
  while (absl::EndsWith(url, "/")) url.pop_back();
  if (!absl::StartsWithIgnoreCase(url, "http://") && !absl::StartsWithIgnoreCase(url, "https://")) {
    return bad("does not begin with http:// or https://");
  }
  const std::unique_ptr<CURLU, UrlFree> parsed(curl_url());
  MOA_CHECK(parsed != nullptr);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return bad("cannot be read");
  }
  for (const CURLUPart part :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    char* value = nullptr;
    if (curl_url_get(parsed.get(), part, &value, 0) == CURLUE_OK) {
      curl_free(value);
      return bad("holds more than an address (a user, a query or a fragment)");
    }
  }
  return url;
}

absl::Status CheckOptions(const UpstreamOptions& options) {
  if (options.calls_max < 1 || options.calls_max > kCallsMaxLimit) {
    return absl::InvalidArgumentError(
        absl::StrCat("calls_max is ", options.calls_max, ", not 1 to ", kCallsMaxLimit));
  }
  if (options.streams_per_connection < 1 || options.streams_per_connection > kStreamsLimit) {
    return absl::InvalidArgumentError(absl::StrCat("streams_per_connection is ",
                                                   options.streams_per_connection, ", not 1 to ",
                                                   kStreamsLimit));
  }
  if (options.connections_max > kCallsMaxLimit) {
    return absl::InvalidArgumentError(absl::StrCat("connections_max is ", options.connections_max,
                                                   ", not 0 to ", kCallsMaxLimit));
  }
  if (options.provider != "auto" && FindProvider(options.provider) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no provider '", options.provider, "'"));
  }
  if (options.request_bytes_max > kBodyBytesLimit || options.response_bytes_max > kBodyBytesLimit) {
    return absl::InvalidArgumentError(absl::StrCat("request_bytes_max and response_bytes_max are ",
                                                   kBodyBytesLimit, " bytes at most"));
  }
  if (options.user_agent.empty()) {
    return absl::InvalidArgumentError("the user agent is empty; the provider blocks such calls");
  }
  for (const char c : options.user_agent) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError("the user agent has characters that a header cannot hold");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<UpstreamClient>> UpstreamClient::Create(Loop& loop,
                                                                       UpstreamOptions options) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (global != CURLE_OK) {
    return absl::InternalError(
        absl::StrCat("libcurl does not start: ", curl_easy_strerror(global)));
  }
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  absl::StatusOr<std::string> base_url = NormaliseBaseUrl(options.base_url);
  if (!base_url.ok()) return base_url.status();
  options.base_url = *std::move(base_url);
  absl::StatusOr<std::string> key = options.api_key.Read();
  if (!key.ok()) return key.status();
  return std::unique_ptr<UpstreamClient>(
      new UpstreamClient(loop, std::make_unique<Core>(loop, std::move(options), *std::move(key))));
}

UpstreamClient::UpstreamClient(Loop& loop, std::unique_ptr<Core> core)
    : loop_(loop), core_(std::move(core)) {}

UpstreamClient::~UpstreamClient() { loop_.AssertHeld(); }

CallId UpstreamClient::Start(ChatRequest request, ChatCallbacks callbacks) {
  loop_.AssertHeld();
  return core_->Start(std::move(request), std::move(callbacks));
}

bool UpstreamClient::Cancel(CallId id) {
  loop_.AssertHeld();
  return core_->Cancel(id);
}

CallId UpstreamClient::ListModels(absl::AnyInvocable<void(ModelsResult result)> done) {
  loop_.AssertHeld();
  return core_->ListModels(std::move(done));
}

void UpstreamClient::WarmUp(size_t count) {
  loop_.AssertHeld();
  core_->WarmUp(count);
}

absl::Status UpstreamClient::ReloadApiKey() {
  loop_.AssertHeld();
  return core_->ReloadApiKey();
}

std::optional<CallProgress> UpstreamClient::Progress(CallId id) const {
  loop_.AssertHeld();
  return core_->Progress(id);
}

size_t UpstreamClient::calls_in_flight() const {
  loop_.AssertHeld();
  return core_->calls_in_flight();
}

const Provider& UpstreamClient::provider() const { return core_->provider(); }

const std::string& UpstreamClient::key_fingerprint() const { return core_->key_fingerprint(); }

}  // namespace moa::upstream
