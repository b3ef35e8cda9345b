#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/http/http_message.h"

namespace moa::simulator {

// An error as the Cerebras API words it (CEREBRAS_API.md, section 4): a flat JSON object, not
// nested under "error". The texts are those seen from the real service where one was recorded.
struct ApiError {
  int status = 500;
  std::string message;
  std::string type;
  std::string param;
  std::string code;
  bool with_id = false;  // some errors carry an empty "id"

  std::string ToJson() const;
  // With the content type; callers add headers (Retry-After, x-ratelimit-…).
  HttpResponse ToResponse() const;
};

ApiError WrongApiKey();
ApiError WrongApiFormat(std::string message, std::string param = "validation_error");
ApiError PathNotFound(absl::string_view path);
ApiError ModelNotFound(absl::string_view model);
ApiError ModelArchived(absl::string_view model);
ApiError ContextLengthExceeded(int64_t prompt_tokens, int64_t limit);
ApiError PaymentRequired();
ApiError RequestTooLarge();
// `period` is "minute", "hour" or "day".
ApiError RequestQuotaExceeded(absl::string_view period);
ApiError TokenQuotaExceeded(absl::string_view period);
ApiError QueueExceeded();
ApiError ServerError();
// For a status without a recorded body: the flat shape, worded by us.
ApiError ErrorForStatus(int status);

// The page of a proxy in front of the API: what a client gets when the API itself never saw the
// request.
HttpResponse HtmlError(int status);

}  // namespace moa::simulator
