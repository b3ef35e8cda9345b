#pragma once

#include <variant>

#include "absl/strings/string_view.h"
#include "client/gateway/answer_request.h"
#include "client/gateway/api_error.h"

namespace moa::gateway {

// Reads the body of POST /v1/chat/completions. What depends on the coordinator (ranges, names of models) is left to it.
// Pure.
std::variant<AnswerRequest, ApiError> ReadChatRequest(absl::string_view body);

}  // namespace moa::gateway
