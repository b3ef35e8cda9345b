#pragma once

#include <variant>

#include "absl/strings/string_view.h"
#include "client/gateway/answer_request.h"
#include "client/gateway/api_error.h"
#include "client/gateway/response_json.h"

namespace moa::gateway {

// A request of POST /v1/responses: what is asked for, and what the response repeats of it. A value type.
struct ResponseRequest {
  AnswerRequest answer;
  ResponseEcho echo;
};

// Reads the body. What depends on the coordinator (ranges, names of models, earlier responses) is left to it. Pure.
std::variant<ResponseRequest, ApiError> ReadResponseRequest(absl::string_view body);

}  // namespace moa::gateway
