#pragma once

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "worker/upstream/completion.h"

namespace moa::upstream {

// What a reply's header lines say that matters here. A value type, filled line by line; pure.
struct ResponseHead {
  int status = 0;
  bool is_event_stream = false;
  bool is_html = false;
  std::optional<size_t> content_length;
  std::optional<bool> should_retry;              // x-should-retry
  std::optional<absl::Duration> retry_after_ms;  // retry-after-ms: milliseconds, maybe fractional
  std::optional<absl::Duration> retry_after;     // Retry-After: seconds, or a date less `wall_now`
  RateLimits rate_limits;

  // Takes a line as libcurl hands it out, line end included. A status line starts over: an interim
  // reply (1xx) may have come before.
  void AddLine(absl::string_view line, absl::Time wall_now);

  // What to wait by the headers: the finer one first, as the provider's own clients do.
  std::optional<absl::Duration> RetryAfter() const {
    return retry_after_ms ? retry_after_ms : retry_after;
  }
};

// A Retry-After value: seconds as an integer or a float, or an HTTP date (RFC 9110, section 10.2.3)
// less `wall_now`. At least zero, at most 24 h; nullopt for nonsense and negative numbers.
std::optional<absl::Duration> ParseRetryAfter(absl::string_view value, absl::Time wall_now);

}  // namespace moa::upstream
