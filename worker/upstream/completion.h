#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace moa::upstream {

// What a call to the provider yields, as plain values: the same shapes, names and numbers as in
// proto/moa/v1/job.proto and worker.proto, whose comments say what each field means. They live in a
// namespace of their own because the coordinator has types of the same names and tests may link
// both.
//
// Texts are the model's bytes: NULs and, from a broken provider, ill-formed UTF-8 included.

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON as the model wrote it: not necessarily valid
};

// Tokens as the provider counted them; 0 where it did not say.
struct Usage {
  uint64_t prompt_tokens = 0;
  uint64_t completion_tokens = 0;
  uint64_t total_tokens = 0;
  uint64_t cached_tokens = 0;
  uint64_t reasoning_tokens = 0;
  uint64_t accepted_prediction_tokens = 0;
  uint64_t rejected_prediction_tokens = 0;
  uint64_t image_tokens = 0;
  friend bool operator==(const Usage&, const Usage&) = default;
};

// Where the provider says its time went, in seconds; 0 where it did not say.
struct TimeInfo {
  double queue_seconds = 0;
  double prompt_seconds = 0;
  double completion_seconds = 0;
  double total_seconds = 0;
};

// One reply of a model.
struct Completion {
  std::string content;
  std::string reasoning;
  std::vector<ToolCall> tool_calls;
  std::string finish_reason;
  Usage usage;
  TimeInfo time_info;
  std::string response_id;
  std::string response_model;
  std::string system_fingerprint;
  std::string service_tier_used;
};

// Same numbers as moa.v1.ErrorCode; a static_cast converts.
enum class ErrorCode : int {
  kUnspecified = 0,
  kInvalidRequest = 1,
  kUnauthorized = 2,
  kPaymentRequired = 3,
  kModelNotFound = 4,
  kContextLengthExceeded = 5,
  kQuotaExceeded = 6,
  kQueueExceeded = 7,
  kServerError = 8,
  kConnectionFailed = 9,
  kUpstreamTimeout = 10,
  kTruncated = 11,
  kMalformedResponse = 12,
  kWorkerLost = 13,
  kDeadlineExceeded = 14,
  kCancelled = 15,
  kInternal = 16,
};

// As "QUOTA_EXCEEDED": for metrics labels, logs and test output.
absl::string_view ErrorCodeName(ErrorCode code);

inline constexpr size_t kErrorMessageBytesMax = 2048;

struct Error {
  ErrorCode code = ErrorCode::kUnspecified;
  // For people: what went wrong, at which address, what to do. Valid UTF-8, at most
  // kErrorMessageBytesMax; never the API key.
  std::string message;
  uint32_t http_status = 0;   // 0: there was no reply
  std::string upstream_code;  // the provider's own, as "token_quota_exceeded"
};

struct AttemptError {
  Error error;
  // The same request may succeed later. Whether to send it again is the coordinator's to decide.
  bool retryable = false;
  // What the provider asked to wait; as long as it said (callers cap it).
  std::optional<absl::Duration> retry_after;
  // Tokens that the provider counted all the same (a stream cut after its usage).
  Usage usage;
};

// The provider's x-ratelimit-* headers. `remaining` may exceed `limit`.
struct RateLimits {
  struct Window {
    std::optional<uint64_t> limit;
    std::optional<uint64_t> remaining;
    std::optional<double> reset_seconds;
    bool empty() const { return !limit && !remaining && !reset_seconds; }
  };
  Window requests_minute;
  Window requests_hour;
  Window requests_day;
  Window tokens_minute;
  Window tokens_hour;
  Window tokens_day;
  bool empty() const;
};

// How a call ended: exactly one of these for each.
struct CallResult {
  std::variant<Completion, AttemptError> outcome;
  // From handing the request to the transport to the reply's last byte (or the failure), on the
  // monotonic clock; a wait for a connection is part of it.
  absl::Duration run_time;
  // Of run_time, until the first piece of content, reasoning or tool call; zero when none came or
  // the reply was not streamed.
  absl::Duration time_to_first_token;
  // From one piece of a streamed reply to the next, on average; zero where there were not two.
  absl::Duration time_per_chunk;
  RateLimits rate_limits;
  // Bytes of content and reasoning that had come, also when the call failed or was cancelled.
  size_t received_bytes = 0;

  bool ok() const { return std::holds_alternative<Completion>(outcome); }
  // REQUIRES: ok() and !ok() respectively.
  Completion& completion() { return std::get<Completion>(outcome); }
  const Completion& completion() const { return std::get<Completion>(outcome); }
  AttemptError& error() { return std::get<AttemptError>(outcome); }
  const AttemptError& error() const { return std::get<AttemptError>(outcome); }
};

}  // namespace moa::upstream
