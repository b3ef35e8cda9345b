#include "coordinator/tracing/otlp_post.h"

#include <curl/curl.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/check.h"

namespace moa {
namespace {

constexpr long kTimeoutMs = 10'000;
constexpr size_t kReasonBytesMax = 500;
constexpr char kPath[] = "/v1/traces";

size_t KeepReason(char* data, size_t, size_t size, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() < kReasonBytesMax)
    text.append(data, std::min(size, kReasonBytesMax - text.size()));
  return size;
}

int AskStop(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return (*static_cast<const std::function<bool()>*>(stop))() ? 1 : 0;
}

// As the protocol says: these are worth another try.
bool IsRetryable(long status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

absl::Status CheckEndpoint(const std::string& endpoint) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, endpoint.c_str(), 0);
  const bool is_http =
      absl::StartsWith(endpoint, "http://") || absl::StartsWith(endpoint, "https://");
  if (code == CURLUE_OK && is_http) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("'", endpoint, "' is no http:// or https:// address of a collector"));
}

}  // namespace

struct OtlpPost::State {
  CURL* curl = curl_easy_init();
  curl_slist* headers = nullptr;
  std::string url;

  void AddHeader(const std::string& line) {
    curl_slist* longer = curl_slist_append(headers, line.c_str());
    MOA_CHECK(longer != nullptr);
    headers = longer;
  }
  ~State() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
  }
};

OtlpPost::OtlpPost(std::unique_ptr<State> state) : state_(std::move(state)) {}
OtlpPost::~OtlpPost() = default;

absl::StatusOr<std::unique_ptr<OtlpPost>> OtlpPost::Create(
    const std::string& endpoint, const std::vector<std::string>& headers) {
  if (absl::Status status = CheckEndpoint(endpoint); !status.ok()) return status;
  auto state = std::make_unique<State>();
  if (state->curl == nullptr) return absl::InternalError("libcurl does not start");
  state->url = absl::StrCat(absl::StripSuffix(endpoint, "/"), kPath);
  state->AddHeader("Content-Type: application/json");
  state->AddHeader("Expect:");
  for (const std::string& header : headers) {
    const size_t equals = header.find('=');
    const bool is_line = header.find_first_of("\r\n") == std::string::npos;
    if (equals == 0 || equals == std::string::npos || !is_line) {
      // Not shown: it may be a secret.
      return absl::InvalidArgumentError("a header is not NAME=VALUE");
    }
    state->AddHeader(absl::StrCat(absl::StripAsciiWhitespace(header.substr(0, equals)), ": ",
                                  absl::StripAsciiWhitespace(header.substr(equals + 1))));
  }
  curl_easy_setopt(state->curl, CURLOPT_URL, state->url.c_str());
  curl_easy_setopt(state->curl, CURLOPT_HTTPHEADER, state->headers);
  curl_easy_setopt(state->curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(state->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(state->curl, CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(state->curl, CURLOPT_WRITEFUNCTION, &KeepReason);
  curl_easy_setopt(state->curl, CURLOPT_XFERINFOFUNCTION, &AskStop);
  curl_easy_setopt(state->curl, CURLOPT_NOPROGRESS, 0L);
  return std::unique_ptr<OtlpPost>(new OtlpPost(std::move(state)));
}

OtlpPost::Outcome OtlpPost::Send(const std::string& json, const std::function<bool()>& stop) {
  CURL* curl = state_->curl;
  std::string reason;
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(json.size()));
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reason);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stop);
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    return {.status =
                absl::UnavailableError(absl::StrCat(state_->url, ": ", curl_easy_strerror(code)))};
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300) return {.status = absl::OkStatus()};
  const std::string message =
      absl::StrCat(state_->url, ": status ", status, ": ", absl::StripAsciiWhitespace(reason));
  if (!IsRetryable(status)) return {.status = absl::InvalidArgumentError(message)};
  Outcome outcome{.status = absl::UnavailableError(message)};
  curl_off_t seconds = 0;
  if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0) {
    outcome.retry_after = absl::Seconds(seconds);
  }
  return outcome;
}

}  // namespace moa
