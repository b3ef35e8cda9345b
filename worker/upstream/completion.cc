#include "worker/upstream/completion.h"

namespace moa::upstream {

absl::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnspecified:
      return "UNSPECIFIED";
    case ErrorCode::kInvalidRequest:
      return "INVALID_REQUEST";
    case ErrorCode::kUnauthorized:
      return "UNAUTHORIZED";
    case ErrorCode::kPaymentRequired:
      return "PAYMENT_REQUIRED";
    case ErrorCode::kModelNotFound:
      return "MODEL_NOT_FOUND";
    case ErrorCode::kContextLengthExceeded:
      return "CONTEXT_LENGTH_EXCEEDED";
    case ErrorCode::kQuotaExceeded:
      return "QUOTA_EXCEEDED";
    case ErrorCode::kQueueExceeded:
      return "QUEUE_EXCEEDED";
    case ErrorCode::kServerError:
      return "SERVER_ERROR";
    case ErrorCode::kConnectionFailed:
      return "CONNECTION_FAILED";
    case ErrorCode::kUpstreamTimeout:
      return "UPSTREAM_TIMEOUT";
    case ErrorCode::kTruncated:
      return "TRUNCATED";
    case ErrorCode::kMalformedResponse:
      return "MALFORMED_RESPONSE";
    case ErrorCode::kWorkerLost:
      return "WORKER_LOST";
    case ErrorCode::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case ErrorCode::kCancelled:
      return "CANCELLED";
    case ErrorCode::kInternal:
      return "INTERNAL";
  }
  return "UNSPECIFIED";
}

bool RateLimits::empty() const {
  return requests_minute.empty() && requests_hour.empty() && requests_day.empty() &&
         tokens_minute.empty() && tokens_hour.empty() && tokens_day.empty();
}

}  // namespace moa::upstream
