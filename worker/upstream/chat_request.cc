#include "worker/upstream/chat_request.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace moa::upstream {
namespace {

absl::Status CheckFinite(absl::string_view field, const std::optional<double>& value) {
  if (!value || std::isfinite(*value)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " is not a number"));
}

// The text goes into the request as it is, so it must be one whole JSON object and nothing more.
bool IsJsonObject(const std::string& text) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  return parser.parse(text).get(object) == simdjson::SUCCESS;
}

absl::Status CheckTool(const Tool& tool) {
  if (tool.name.empty()) return absl::InvalidArgumentError("a tool has no name");
  if (tool.parameters.empty()) return absl::OkStatus();
  if (!IsJsonObject(tool.parameters)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the parameters of tool '", tool.name, "' are not a JSON object"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const ChatRequest& request) {
  if (request.model.empty()) return absl::InvalidArgumentError("the request names no model");
  if (std::all_of(request.prompt.begin(), request.prompt.end(),
                  [](const MessagesJson& part) { return part.empty(); })) {
    return absl::InvalidArgumentError("the request has no message");
  }
  for (const auto& [field, value] :
       {std::pair<absl::string_view, std::optional<double>>{"temperature", request.temperature},
        {"top_p", request.top_p},
        {"frequency_penalty", request.frequency_penalty},
        {"presence_penalty", request.presence_penalty}}) {
    if (absl::Status status = CheckFinite(field, value); !status.ok()) return status;
  }
  const ResponseFormat& format = request.response_format;
  if (format.type == ResponseFormat::Type::kJsonSchema && !IsJsonObject(format.schema)) {
    return absl::InvalidArgumentError("the schema of response_format is not a JSON object");
  }
  for (const Tool& tool : request.tools) {
    if (absl::Status status = CheckTool(tool); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace moa::upstream
