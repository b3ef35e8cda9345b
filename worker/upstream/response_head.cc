#include "worker/upstream/response_head.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "worker/upstream/rate_limit_headers.h"

namespace moa::upstream {
namespace {

constexpr absl::Duration kRetryAfterMax = absl::Hours(24);

std::optional<absl::Duration> ParseWait(absl::string_view value, absl::Duration unit) {
  double count = 0;
  if (!absl::SimpleAtod(value, &count) || std::isnan(count) || count < 0) return std::nullopt;
  return std::min(count * unit, kRetryAfterMax);
}

int ParseStatus(absl::string_view line) {
  const size_t space = line.find(' ');
  int status = 0;
  if (space == absl::string_view::npos) return 0;
  return absl::SimpleAtoi(line.substr(space + 1, 3), &status) ? status : 0;
}

}  // namespace

std::optional<absl::Duration> ParseRetryAfter(absl::string_view value, absl::Time wall_now) {
  value = absl::StripAsciiWhitespace(value);
  if (const auto wait = ParseWait(value, absl::Seconds(1))) return wait;
  absl::Time when;
  // The preferred form and the two old ones that a recipient must accept.
  for (const char* format :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"}) {
    if (absl::ParseTime(format, std::string(value), &when, nullptr)) {
      return std::clamp(when - wall_now, absl::ZeroDuration(), kRetryAfterMax);
    }
  }
  return std::nullopt;
}

void ResponseHead::AddLine(absl::string_view line, absl::Time wall_now) {
  if (absl::StartsWith(line, "HTTP/")) {
    *this = ResponseHead();
    status = ParseStatus(line);
    return;
  }
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos) return;
  const absl::string_view name = line.substr(0, colon);
  const absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
  // Most headers are not for us: the first letter sorts them out.
  switch (name.empty() ? '\0' : absl::ascii_tolower(static_cast<unsigned char>(name.front()))) {
    case 'c':
      if (absl::EqualsIgnoreCase(name, "content-type")) {
        is_event_stream = absl::StartsWithIgnoreCase(value, "text/event-stream");
        is_html = absl::StartsWithIgnoreCase(value, "text/html");
      } else if (absl::EqualsIgnoreCase(name, "content-length")) {
        size_t length = 0;
        if (absl::SimpleAtoi(value, &length)) content_length = length;
      }
      break;
    case 'r':
      if (absl::EqualsIgnoreCase(name, "retry-after")) {
        retry_after = ParseRetryAfter(value, wall_now);
      } else if (absl::EqualsIgnoreCase(name, "retry-after-ms")) {
        retry_after_ms = ParseWait(value, absl::Milliseconds(1));
      }
      break;
    case 'x':
      if (AddRateLimitHeader(name, value, &rate_limits)) break;
      if (absl::EqualsIgnoreCase(name, "x-should-retry")) {
        if (absl::EqualsIgnoreCase(value, "true")) should_retry = true;
        if (absl::EqualsIgnoreCase(value, "false")) should_retry = false;
      }
      break;
    default:
      break;
  }
}

}  // namespace moa::upstream
