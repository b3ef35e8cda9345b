#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace moa {

// How flags and environment variables are spelled as text, for FlagSet and for moactl, whose subcommands
// use CLI11 themselves. Errors are InvalidArgument and say what was read and what would be right, without
// the flag's name: the caller puts that in front. Pure functions, except FromEnvironment.

// "30s", "500ms", "1m30s", "0"; a bare number is refused, because its unit would be a guess. Neither
// negative nor infinite.
absl::StatusOr<absl::Duration> ParseDurationValue(absl::string_view text);

// A decimal number within [min, max]; "_" and "," between digits are refused.
absl::StatusOr<int64_t> ParseIntValue(absl::string_view text, int64_t min, int64_t max);
absl::StatusOr<double> ParseDoubleValue(absl::string_view text, double min, double max);

// true/false, yes/no, on/off, 1/0, in any case.
absl::StatusOr<bool> ParseBoolValue(absl::string_view text);

// Items separated by commas, blanks around them removed, empty ones dropped.
std::vector<std::string> ParseListValue(absl::string_view text);

// "max-queued-jobs" with prefix "MOA_" → "MOA_MAX_QUEUED_JOBS".
std::string EnvironmentName(absl::string_view prefix, absl::string_view flag);

// The variable's value; nullopt when it is unset or empty (an empty variable means "not given", as
// orchestration files often cannot leave one out).
std::optional<std::string> FromEnvironment(const std::string& name);

// Reads a whole small file (a key, a token), without trailing line ends. At most 64 KiB; NotFound,
// PermissionDenied or InvalidArgument name the path and never the content.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

}  // namespace moa
