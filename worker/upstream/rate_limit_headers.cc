#include "worker/upstream/rate_limit_headers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace moa::upstream {
namespace {

constexpr double kResetSecondsMax = 31 * 86400.0;

bool Consume(absl::string_view* text, absl::string_view prefix) {
  if (!absl::StartsWithIgnoreCase(*text, prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

std::optional<uint64_t> ParseCount(absl::string_view text) {
  uint64_t count = 0;
  if (absl::SimpleAtoi(text, &count)) return count;
  // Written as a float, negative or too large.
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || std::isnan(value)) return std::nullopt;
  if (value <= 0) return 0;
  if (value >= 18446744073709551615.0) return std::numeric_limits<uint64_t>::max();
  return static_cast<uint64_t>(value);
}

std::optional<double> ParseReset(absl::string_view text) {
  double seconds = 0;
  if (!absl::SimpleAtod(text, &seconds) || std::isnan(seconds)) return std::nullopt;
  return std::clamp(seconds, 0.0, kResetSecondsMax);
}

RateLimits::Window* FindWindow(absl::string_view suffix, RateLimits* limits) {
  if (Consume(&suffix, "requests-")) {
    if (absl::EqualsIgnoreCase(suffix, "minute")) return &limits->requests_minute;
    if (absl::EqualsIgnoreCase(suffix, "hour")) return &limits->requests_hour;
    if (absl::EqualsIgnoreCase(suffix, "day")) return &limits->requests_day;
  } else if (Consume(&suffix, "tokens-")) {
    if (absl::EqualsIgnoreCase(suffix, "minute")) return &limits->tokens_minute;
    if (absl::EqualsIgnoreCase(suffix, "hour")) return &limits->tokens_hour;
    if (absl::EqualsIgnoreCase(suffix, "day")) return &limits->tokens_day;
  }
  return nullptr;
}

}  // namespace

bool AddRateLimitHeader(absl::string_view name, absl::string_view value, RateLimits* limits) {
  if (!Consume(&name, "x-ratelimit-")) return false;
  value = absl::StripAsciiWhitespace(value);
  enum class Kind { kLimit, kRemaining, kReset } kind;
  if (Consume(&name, "limit-")) {
    kind = Kind::kLimit;
  } else if (Consume(&name, "remaining-")) {
    kind = Kind::kRemaining;
  } else if (Consume(&name, "reset-")) {
    kind = Kind::kReset;
  } else {
    return false;
  }
  RateLimits::Window* window = FindWindow(name, limits);
  if (window == nullptr) return false;
  switch (kind) {
    case Kind::kLimit:
      if (const auto count = ParseCount(value)) window->limit = count;
      break;
    case Kind::kRemaining:
      if (const auto count = ParseCount(value)) window->remaining = count;
      break;
    case Kind::kReset:
      if (const auto seconds = ParseReset(value)) window->reset_seconds = seconds;
      break;
  }
  return true;
}

}  // namespace moa::upstream
