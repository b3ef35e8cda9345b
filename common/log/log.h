#pragma once

#include <initializer_list>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace moa {

// The log of a program: lines on stderr, each a message for people and fields for machines.
//
//   InitLogging({.format = LogFormat::kJson});
//   LogInfo("lost the coordinator", {{"address", address}, {"held", table.size()}});
//
//   text: 2026-11-21T23:31:40.123Z warning lost the coordinator address=10.0.0.7:7070 held=12
//   json: {"time":"2026-11-21T23:31:40.123Z","level":"warning","message":"lost …","address":"…","held":"12"}
//
// What never goes in: API keys, prompts and answers, whole or in part; an id, a size or a hash stands for
// them. Messages are constant texts; what varies is a field, so that lines can be counted by message.
// What can happen many times a second (a call failed, a task ran) is a metric, not a line.
//
// Thread-safe. Before InitLogging, lines come out as text from kInfo on.

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

struct LogOptions {
  LogFormat format = LogFormat::kText;
  LogLevel level = LogLevel::kInfo;  // lines below it are dropped
};

// Call once, early in main.
void InitLogging(const LogOptions& options);

// "text" and "json"; "debug", "info", "warning" and "error". Others: InvalidArgument with the choices.
absl::StatusOr<LogFormat> ParseLogFormat(absl::string_view name);
absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view name);

// One key=value. Both are borrowed until the end of the logging call: build it inside the call only.
// `key` is snake_case; `value` is any number or string (quoted where the format needs it).
struct LogField {
  LogField(absl::string_view field_key, const absl::AlphaNum& field_value)
      : key(field_key), value(field_value.Piece()) {}
  absl::string_view key;
  absl::string_view value;
};
using LogFields = std::initializer_list<LogField>;

void LogDebug(absl::string_view message, LogFields fields = {});
void LogInfo(absl::string_view message, LogFields fields = {});
void LogWarning(absl::string_view message, LogFields fields = {});
void LogError(absl::string_view message, LogFields fields = {});

// Prints `<kind> listening on <address>` on stderr as a plain line in any format and at any level: scripts
// wait for it and take the port from it. `kind` is "grpc", "metrics" or "http"; `address` has the port
// that was bound, not the 0 that was asked for.
void PrintListening(absl::string_view kind, absl::string_view address);

// How a line reads without its time and level: for the log itself, and for tests.
std::string FormatLogLine(LogFormat format, absl::string_view message, LogFields fields);

}  // namespace moa
