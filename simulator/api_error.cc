#include "simulator/api_error.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "simulator/digest.h"

namespace moa::simulator {
namespace {

constexpr char kInvalidRequest[] = "invalid_request_error";

}  // namespace

std::string ApiError::ToJson() const {
  std::string out = "{\"message\":";
  AppendJsonString(out, message);
  out += ",\"type\":";
  AppendJsonString(out, type);
  out += ",\"param\":";
  AppendJsonString(out, param);
  out += ",\"code\":";
  AppendJsonString(out, code);
  out += with_id ? ",\"id\":\"\"}" : "}";
  return out;
}

HttpResponse ApiError::ToResponse() const {
  return HttpResponse(status, "application/json", ToJson());
}

ApiError WrongApiKey() {
  return {401, "Wrong API Key", kInvalidRequest, "api_key", "wrong_api_key"};
}

ApiError WrongApiFormat(std::string message, std::string param) {
  return {400, std::move(message), kInvalidRequest, std::move(param), "wrong_api_format"};
}

ApiError PathNotFound(absl::string_view path) {
  return {404, absl::StrCat("Not Found: ", path), "not_found_error", "", "not_found"};
}

ApiError ModelNotFound(absl::string_view model) {
  return {404, absl::StrCat("Model ", model, " does not exist or you do not have access to it."),
          "not_found_error", "model", "model_not_found"};
}

ApiError ModelArchived(absl::string_view model) {
  return {404, absl::StrCat("Model ", model, " does not exist or you do not have access to it."),
          "not_found_error", "model", "model_archived"};
}

ApiError ContextLengthExceeded(int64_t prompt_tokens, int64_t limit) {
  return {400,
          absl::StrCat("Please reduce the length of the messages or completion. Current length is ",
                       prompt_tokens, " while limit is ", limit),
          kInvalidRequest,
          "messages",
          "context_length_exceeded",
          true};
}

ApiError PaymentRequired() {
  return {402, "Payment required to access this resource. Visit your billing tab.",
          "payment_required_error", "quota", "payment_required"};
}

ApiError RequestTooLarge() {
  return {413, "Total request size exceeds maximum", kInvalidRequest, "", "request_too_large"};
}

ApiError RequestQuotaExceeded(absl::string_view period) {
  return {429, absl::StrCat("Requests per ", period, " limit exceeded - too many requests sent."),
          "too_many_requests_error", "quota", "request_quota_exceeded"};
}

ApiError TokenQuotaExceeded(absl::string_view period) {
  return {429, absl::StrCat("Tokens per ", period, " limit exceeded - too many tokens processed."),
          "too_many_tokens_error", "quota", "token_quota_exceeded"};
}

ApiError QueueExceeded() {
  return {429, "We're experiencing high traffic right now! Please try again soon.",
          "too_many_requests_error", "queue", "queue_exceeded"};
}

ApiError ServerError() {
  return {500, "Encountered a server error, please try again.", "server_error", "", "", true};
}

ApiError ErrorForStatus(int status) {
  switch (status) {
    case 401:
      return WrongApiKey();
    case 402:
      return PaymentRequired();
    case 404:
      return {404, "Not Found", "not_found_error", "", "not_found"};
    case 413:
      return RequestTooLarge();
    case 429:
      return RequestQuotaExceeded("minute");
    case 500:
      return ServerError();
    default:
      break;
  }
  const char* type = status >= 500 ? "server_error" : kInvalidRequest;
  return {status, std::string(HttpReason(status)), type, "", "", status >= 500};
}

HttpResponse HtmlError(int status) {
  return HttpResponse(
      status, "text/html; charset=UTF-8",
      absl::StrCat("<!DOCTYPE html>\n<html><head><title>", status, " ", HttpReason(status),
                   "</title></head>\n<body><h1>", HttpReason(status),
                   "</h1><p>error code: ", status == 403 ? 1010 : status, "</p></body></html>\n"));
}

}  // namespace moa::simulator
