#include "worker/upstream/failure.h"

#include <curl/curl.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/text.h"

namespace moa::upstream {
namespace {

// Shorter ones (a test's "k") are in half of all words.
constexpr size_t kSecretBytesMin = 8;

struct CodeRule {
  absl::string_view code;
  ErrorCode error;
};

// What the provider's own code says, for replies with a 4xx status.
constexpr CodeRule kCodeRules[] = {
    {"context_length_exceeded", ErrorCode::kContextLengthExceeded},
    {"wrong_api_format", ErrorCode::kInvalidRequest},
    {"wrong_api_key", ErrorCode::kUnauthorized},
    {"payment_required", ErrorCode::kPaymentRequired},
    {"model_not_found", ErrorCode::kModelNotFound},
    {"model_archived", ErrorCode::kModelNotFound},
    {"token_quota_exceeded", ErrorCode::kQuotaExceeded},
    {"request_quota_exceeded", ErrorCode::kQuotaExceeded},
    {"queue_exceeded", ErrorCode::kQueueExceeded},
    // OpenAI's names for the same. An account without money answers 429, which no wait mends.
    {"invalid_api_key", ErrorCode::kUnauthorized},
    {"insufficient_quota", ErrorCode::kPaymentRequired},
    {"rate_limit_exceeded", ErrorCode::kQuotaExceeded},
};

int StatusOf(const Failure& failure) {
  return failure.provider.status_code != 0 ? failure.provider.status_code : failure.http_status;
}

ErrorCode ClassifyTooManyRequests(const Failure& failure) {
  // Without a code that is known: the bucket that is named, then whether there is a time to wait
  // for.
  if (failure.provider.param == "queue") return ErrorCode::kQueueExceeded;
  if (failure.provider.param == "quota") return ErrorCode::kQuotaExceeded;
  return failure.retry_after ? ErrorCode::kQuotaExceeded : ErrorCode::kQueueExceeded;
}

ErrorCode ClassifyStatus(const Failure& failure) {
  const int status = StatusOf(failure);
  if (status >= 400 && status < 500) {
    for (const CodeRule& rule : kCodeRules) {
      if (failure.provider.code == rule.code) return rule.error;
    }
  }
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::kUnauthorized;
    case 402:
      return ErrorCode::kPaymentRequired;
    case 404:
      return ErrorCode::kModelNotFound;
    case 408:
    case 409:
      return ErrorCode::kServerError;
    case 429:
      return ClassifyTooManyRequests(failure);
    default:
      break;
  }
  if (status >= 500) return ErrorCode::kServerError;
  if (status >= 400) return ErrorCode::kInvalidRequest;
  return ErrorCode::kMalformedResponse;  // 1xx, a 2xx other than 200, a redirect
}

bool IsRetryableStatus(int status) {
  return status == 408 || status == 409 || status == 429 || status >= 500;
}

Classification ClassifyReply(const Failure& failure) {
  Classification result;
  result.code = ClassifyStatus(failure);
  result.retry_after = failure.retry_after;
  if (result.code == ErrorCode::kQueueExceeded || result.code == ErrorCode::kQuotaExceeded) {
    result.retryable = true;
    return result;
  }
  const bool passing =
      result.code != ErrorCode::kPaymentRequired && IsRetryableStatus(StatusOf(failure));
  result.retryable = failure.should_retry.value_or(passing);
  return result;
}

Classification ClassifyTransport(int curl_code) {
  switch (curl_code) {
    case CURLE_OPERATION_TIMEDOUT:
      return {.code = ErrorCode::kUpstreamTimeout, .retryable = true, .retry_after = {}};
    case CURLE_PARTIAL_FILE:
      return {.code = ErrorCode::kTruncated, .retryable = true, .retry_after = {}};
    // Something answers that is not an HTTP server, or one that is broken.
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return {.code = ErrorCode::kMalformedResponse, .retryable = true, .retry_after = {}};
    // These stay wrong until somebody changes a file or a name.
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return {.code = ErrorCode::kConnectionFailed, .retryable = false, .retry_after = {}};
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_URL_MALFORMAT:
    case CURLE_WRITE_ERROR:
    case CURLE_READ_ERROR:
    case CURLE_ABORTED_BY_CALLBACK:
      return {.code = ErrorCode::kInternal, .retryable = false, .retry_after = {}};
    // CURLE_HTTP2 and CURLE_HTTP2_STREAM are here too: a connection that the server ends (GOAWAY) or
    // a stream that it refuses or resets, more often than one that it garbles.
    default:
      return {.code = ErrorCode::kConnectionFailed, .retryable = true, .retry_after = {}};
  }
}

absl::string_view Advice(const Classification& verdict, int status) {
  switch (verdict.code) {
    case ErrorCode::kInvalidRequest:
      return status == 413 ? "shorten the conversation" : "mend the request";
    case ErrorCode::kUnauthorized:
      return status == 403
                 ? "check that the API key may use this model and that nothing on the way blocks "
                   "this address"
                 : "check CEREBRAS_API_KEY (or the key file) of this worker";
    case ErrorCode::kPaymentRequired:
      return "add funds to the provider's account";
    case ErrorCode::kModelNotFound:
      return "choose a model that the provider lists, or check the base URL";
    case ErrorCode::kContextLengthExceeded:
      return "shorten the conversation or lower max_completion_tokens";
    case ErrorCode::kMalformedResponse:
      return "check that the base URL is the API's";
    case ErrorCode::kConnectionFailed:
      return verdict.retryable ? "check the base URL and the network"
                               : "check the certificates and the CA file of this worker";
    default:
      return "";
  }
}

// " 429 (token_quota_exceeded): Tokens per minute …", as far as there is something to say.
std::string DescribeReply(const Failure& failure, int status) {
  const ProviderError& provider = failure.provider;
  std::string text;
  if (status != 0) absl::StrAppend(&text, " ", status);
  const absl::string_view name = provider.code.empty() ? provider.type : provider.code;
  if (!name.empty()) absl::StrAppend(&text, " (", Utf8Prefix(name, 100), ")");
  if (!provider.message.empty()) {
    absl::StrAppend(&text, ": ", Utf8Prefix(provider.message, 1000));
  }
  return text;
}

std::string Describe(const Failure& failure, const Classification& verdict,
                     absl::string_view address) {
  const int status = StatusOf(failure);
  switch (failure.kind) {
    case Failure::Kind::kStatus: {
      const absl::string_view what =
          verdict.code == ErrorCode::kUnauthorized && status == 401 ? "refused the API key:"
          : verdict.code == ErrorCode::kMalformedResponse           ? "answered with"
                                                                    : "refused the call:";
      return absl::StrCat("the provider at ", address, " ", what, DescribeReply(failure, status));
    }
    case Failure::Kind::kStreamError:
      return absl::StrCat("the provider at ", address, " reported an error in its reply:",
                          DescribeReply(failure, failure.provider.status_code));
    case Failure::Kind::kTransport:
      return absl::StrCat("the call to ", address, " failed: ",
                          failure.detail.empty()
                              ? curl_easy_strerror(static_cast<CURLcode>(failure.curl_code))
                              : failure.detail.c_str());
    case Failure::Kind::kTimeout:
      return absl::StrCat("no answer in time from ", address, ": ", failure.detail);
    case Failure::Kind::kTruncated:
      return absl::StrCat("the reply of ", address, " ended before its end mark",
                          failure.detail.empty() ? "" : ": ", failure.detail);
    case Failure::Kind::kMalformed:
      return absl::StrCat("the reply of ", address, " is not the API's: ", failure.detail);
    case Failure::Kind::kOversized:
      return absl::StrCat("the reply of ", address, " is too large: ", failure.detail);
    case Failure::Kind::kRequest:
      return absl::StrCat("the request cannot be sent: ", failure.detail);
    case Failure::Kind::kCancelled:
      return "the call was cancelled";
    case Failure::Kind::kInternal:
      break;
  }
  return absl::StrCat("internal error of the upstream client: ", failure.detail);
}

}  // namespace

Classification Classify(const Failure& failure) {
  switch (failure.kind) {
    case Failure::Kind::kStatus:
      return ClassifyReply(failure);
    case Failure::Kind::kStreamError: {
      // An error object without a status is the server's failure; the headers spoke of the 200.
      Failure reply = failure;
      reply.should_retry = std::nullopt;
      reply.retry_after = std::nullopt;
      if (reply.provider.status_code == 0) reply.http_status = 500;
      return ClassifyReply(reply);
    }
    case Failure::Kind::kTransport:
      return ClassifyTransport(failure.curl_code);
    case Failure::Kind::kTimeout:
      return {.code = ErrorCode::kUpstreamTimeout, .retryable = true, .retry_after = {}};
    case Failure::Kind::kTruncated:
      return {.code = ErrorCode::kTruncated, .retryable = true, .retry_after = {}};
    case Failure::Kind::kMalformed:
      return {.code = ErrorCode::kMalformedResponse, .retryable = true, .retry_after = {}};
    case Failure::Kind::kOversized:
      return {.code = ErrorCode::kMalformedResponse, .retryable = false, .retry_after = {}};
    case Failure::Kind::kRequest:
      return {.code = ErrorCode::kInvalidRequest, .retryable = false, .retry_after = {}};
    case Failure::Kind::kCancelled:
      return {.code = ErrorCode::kCancelled, .retryable = false, .retry_after = {}};
    case Failure::Kind::kInternal:
      break;
  }
  return {.code = ErrorCode::kInternal, .retryable = false, .retry_after = {}};
}

AttemptError MakeAttemptError(const Failure& failure, absl::string_view address,
                              absl::string_view secret) {
  const Classification verdict = Classify(failure);
  const bool in_reply =
      failure.kind == Failure::Kind::kStatus || failure.kind == Failure::Kind::kStreamError;
  AttemptError result;
  result.retryable = verdict.retryable;
  result.retry_after = verdict.retry_after;
  result.error.code = verdict.code;
  result.error.http_status =
      static_cast<uint32_t>(std::max(0, in_reply ? StatusOf(failure) : failure.http_status));
  std::string message = RepairUtf8(Describe(failure, verdict, address));
  std::string upstream_code = RepairUtf8(Utf8Prefix(failure.provider.code, 200));
  if (secret.size() >= kSecretBytesMin) {
    absl::StrReplaceAll({{secret, "[API key]"}}, &message);
    absl::StrReplaceAll({{secret, "[API key]"}}, &upstream_code);
  }
  const absl::string_view advice = in_reply || failure.kind == Failure::Kind::kTransport
                                       ? Advice(verdict, StatusOf(failure))
                                       : absl::string_view();
  if (!advice.empty()) absl::StrAppend(&message, "; ", advice);
  result.error.message = std::string(Utf8Prefix(message, kErrorMessageBytesMax));
  result.error.upstream_code = std::move(upstream_code);
  return result;
}

}  // namespace moa::upstream
