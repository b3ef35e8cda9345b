#include "coordinator/engine/types.h"

namespace moa {

Usage& Usage::operator+=(const Usage& other) {
  prompt_tokens += other.prompt_tokens;
  completion_tokens += other.completion_tokens;
  total_tokens += other.total_tokens;
  cached_tokens += other.cached_tokens;
  reasoning_tokens += other.reasoning_tokens;
  accepted_prediction_tokens += other.accepted_prediction_tokens;
  rejected_prediction_tokens += other.rejected_prediction_tokens;
  image_tokens += other.image_tokens;
  return *this;
}

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
    case ErrorCode::kBudgetExceeded:
      return "BUDGET_EXCEEDED";
    case ErrorCode::kNotNeeded:
      return "NOT_NEEDED";
  }
  return "UNSPECIFIED";
}

absl::string_view JobStateName(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "QUEUED";
    case JobState::kRunning:
      return "RUNNING";
    case JobState::kSucceeded:
      return "SUCCEEDED";
    case JobState::kFailed:
      return "FAILED";
    case JobState::kCancelled:
      return "CANCELLED";
  }
  return "UNSPECIFIED";
}

absl::string_view TaskStateName(TaskState state) {
  switch (state) {
    case TaskState::kQueued:
      return "QUEUED";
    case TaskState::kRunning:
      return "RUNNING";
    case TaskState::kSucceeded:
      return "SUCCEEDED";
    case TaskState::kFailed:
      return "FAILED";
    case TaskState::kCancelled:
      return "CANCELLED";
    case TaskState::kSkipped:
      return "SKIPPED";
  }
  return "UNSPECIFIED";
}

}  // namespace moa
