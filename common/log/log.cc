#include "common/log/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "common/base/text.h"

namespace moa {
namespace {

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr char kJsonPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

std::atomic<LogFormat> g_format = LogFormat::kText;

spdlog::logger& Logger() {
  // Never destroyed: threads may log while the process exits.
  static spdlog::logger* const logger = [] {
    auto* made = new spdlog::logger("moa", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(kTextPattern, spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

void AppendJsonString(std::string& out, absl::string_view text) {
  out += '"';
  const std::string repaired = IsValidUtf8(text) ? std::string() : RepairUtf8(text);
  for (const char c : repaired.empty() ? text : absl::string_view(repaired)) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  out += '"';
}

// Bare where that reads unambiguously, else quoted: a line stays a line whatever a value holds.
void AppendTextValue(std::string& out, absl::string_view value) {
  bool bare = !value.empty() && IsValidUtf8(value);
  for (const char c : value) {
    bare = bare && static_cast<unsigned char>(c) > 0x20 && c != '"' && c != '=' && c != 0x7F;
  }
  if (bare) {
    absl::StrAppend(&out, value);
  } else {
    AppendJsonString(out, value);
  }
}

void Write(spdlog::level::level_enum level, absl::string_view message, LogFields fields) {
  spdlog::logger& logger = Logger();
  if (!logger.should_log(level)) return;
  const std::string line = FormatLogLine(g_format.load(std::memory_order_relaxed), message, fields);
  logger.log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void InitLogging(const LogOptions& options) {
  g_format.store(options.format);
  spdlog::logger& logger = Logger();
  logger.set_pattern(options.format == LogFormat::kJson ? kJsonPattern : kTextPattern,
                     spdlog::pattern_time_type::utc);
  switch (options.level) {
    case LogLevel::kDebug:
      logger.set_level(spdlog::level::debug);
      break;
    case LogLevel::kInfo:
      logger.set_level(spdlog::level::info);
      break;
    case LogLevel::kWarning:
      logger.set_level(spdlog::level::warn);
      break;
    case LogLevel::kError:
      logger.set_level(spdlog::level::err);
      break;
  }
}

absl::StatusOr<LogFormat> ParseLogFormat(absl::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  return absl::InvalidArgumentError("the log format must be text or json");
}

absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return absl::InvalidArgumentError("the log level must be debug, info, warning or error");
}

std::string FormatLogLine(LogFormat format, absl::string_view message, LogFields fields) {
  std::string line;
  if (format == LogFormat::kText) {
    absl::StrAppend(&line, message);
    for (const LogField& field : fields) {
      absl::StrAppend(&line, " ", field.key, "=");
      AppendTextValue(line, field.value);
    }
    return line;
  }
  line = "\"message\":";
  AppendJsonString(line, message);
  for (const LogField& field : fields) {
    line += ',';
    AppendJsonString(line, field.key);
    line += ':';
    AppendJsonString(line, field.value);
  }
  return line;
}

void LogDebug(absl::string_view message, LogFields fields) {
  Write(spdlog::level::debug, message, fields);
}
void LogInfo(absl::string_view message, LogFields fields) {
  Write(spdlog::level::info, message, fields);
}
void LogWarning(absl::string_view message, LogFields fields) {
  Write(spdlog::level::warn, message, fields);
}
void LogError(absl::string_view message, LogFields fields) {
  Write(spdlog::level::err, message, fields);
}

void PrintListening(absl::string_view kind, absl::string_view address) {
  const std::string line = absl::StrCat(kind, " listening on ", address, "\n");
  // One call, so that lines of other threads do not run into it.
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

}  // namespace moa
