#pragma once

#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "client/gateway/api_error.h"

namespace moa::gateway {

// What POST /v1/jobs/convert answers: a job file of any form as a job in JSON and in YAML, and as a file of the workshop's
// app. An error only where `text` is neither YAML nor JSON, or more than 2 MiB or 20,000 values: what is wrong with a job
// is part of the answer.
//
// `file` is the file's name, which says what it is (ReadDocument); it may be empty. `exported_at` is ExportWorkshop's. Pure.
std::variant<std::string, ApiError> ConvertedJob(absl::string_view text, absl::string_view file,
                                                 absl::string_view exported_at);

}  // namespace moa::gateway
