#include "common/http/health_probe.h"

#include <curl/curl.h>

#include <cstdio>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/net/address.h"

namespace moa {
namespace {

constexpr long kTimeoutMs = 5000;
constexpr size_t kReasonBytesMax = 2000;

size_t Keep(char* data, size_t, size_t size, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() < kReasonBytesMax) text.append(data, size);
  return size;
}

// The program itself is meant, whatever proxies the environment names.
absl::Status Get(const std::string& url) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  if (curl == nullptr) return absl::InternalError("libcurl does not start");
  std::string body;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Keep);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) {
    return absl::UnavailableError(absl::StrCat(url, ": ", curl_easy_strerror(code)));
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 200) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(url, ": status ", status, ": ", absl::StripAsciiWhitespace(body)));
}

}  // namespace

absl::Status ProbeHealth(absl::string_view target) {
  const size_t slash = target.find('/');
  const absl::string_view path =
      slash == absl::string_view::npos ? "/readyz" : target.substr(slash);
  MOA_ASSIGN_OR_RETURN(const Address address, ParseAddress(target.substr(0, slash)));
  if (path != "/readyz" && path != "/healthz") {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is neither /readyz nor /healthz, in '", target, "'"));
  }
  return Get(absl::StrCat("http://", address.ToString(), path));
}

int RunHealthProbe(const std::string& program, const std::string& target) {
  const absl::Status status = ProbeHealth(target);
  if (status.ok()) return 0;
  const std::string message(status.message());
  std::fprintf(stderr, "%s: --%s: %s\n", program.c_str(), kHealthFlag, message.c_str());
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

}  // namespace moa
