#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/strong_id.h"
#include "common/base/text.h"
#include "coordinator/engine/moa_spec.h"

namespace moa {

// The engine's own form of proto/moa/v1/job.proto: the comments there are the specification, the
// fields here are the same ones. Plain values; texts are shared, so copying a struct copies no
// prompt.

enum class Role { kSystem, kDeveloper, kUser, kAssistant, kTool };

struct ToolCall {
  std::string id{};
  std::string name{};
  Text arguments{};
  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};

struct Message {
  Role role = Role::kUser;
  Text content{};
  std::string name{};
  Text reasoning{};
  std::vector<ToolCall> tool_calls{};
  std::string tool_call_id{};
  friend bool operator==(const Message&, const Message&) = default;
};

struct Tool {
  std::string name{};
  Text description{};
  Text parameters{};
  std::optional<bool> strict{};
  friend bool operator==(const Tool&, const Tool&) = default;
};

struct ToolChoice {
  enum class Mode { kUnspecified, kNone, kAuto, kRequired, kFunction };
  Mode mode = Mode::kUnspecified;
  std::string function{};
  friend bool operator==(const ToolChoice&, const ToolChoice&) = default;
};

struct Budget {
  std::optional<uint64_t> max_total_tokens{};
  std::optional<uint32_t> max_upstream_calls{};
  std::optional<double> max_cost_usd{};
  friend bool operator==(const Budget&, const Budget&) = default;
};

// What an answer has taken that is graded.
struct GradedJob {
  std::string name{};
  std::string config{};
  uint64_t total_tokens = 0;
  uint32_t upstream_calls = 0;
  double cost_usd = 0;
  absl::Duration latency{};
  friend bool operator==(const GradedJob&, const GradedJob&) = default;
};

// A submitted job with its preset already expanded into `moa`.
struct JobSpec {
  std::string name{};
  Tenant tenant{};
  std::vector<Message> messages{};
  MoaSpec moa{};
  std::vector<Tool> tools{};
  ToolChoice tool_choice{};
  std::optional<bool> parallel_tool_calls{};
  std::optional<absl::Duration> deadline{};
  std::optional<uint64_t> seed{};
  Budget budget{};
  std::string follows{};              // the job whose conversation begins `messages`
  std::string grades{};               // the job whose answer is the only message
  std::optional<GradedJob> graded{};  // of that job
  friend bool operator==(const JobSpec&, const JobSpec&) = default;
};

struct Usage {
  uint64_t prompt_tokens = 0;
  uint64_t completion_tokens = 0;
  uint64_t total_tokens = 0;
  uint64_t cached_tokens = 0;
  uint64_t reasoning_tokens = 0;
  uint64_t accepted_prediction_tokens = 0;
  uint64_t rejected_prediction_tokens = 0;
  uint64_t image_tokens = 0;
  Usage& operator+=(const Usage& other);
  friend bool operator==(const Usage&, const Usage&) = default;
};

struct TimeInfo {
  double queue_seconds = 0;
  double prompt_seconds = 0;
  double completion_seconds = 0;
  double total_seconds = 0;
  friend bool operator==(const TimeInfo&, const TimeInfo&) = default;
};

struct Completion {
  Text content{};
  Text reasoning{};
  std::vector<ToolCall> tool_calls{};
  std::string finish_reason{};
  Usage usage{};
  TimeInfo time_info{};
  std::string response_id{};
  std::string response_model{};
  std::string system_fingerprint{};
  std::string service_tier_used{};
  friend bool operator==(const Completion&, const Completion&) = default;
};

enum class ErrorCode {
  kUnspecified,
  kInvalidRequest,
  kUnauthorized,
  kPaymentRequired,
  kModelNotFound,
  kContextLengthExceeded,
  kQuotaExceeded,
  kQueueExceeded,
  kServerError,
  kConnectionFailed,
  kUpstreamTimeout,
  kTruncated,
  kMalformedResponse,
  kWorkerLost,
  kDeadlineExceeded,
  kCancelled,
  kInternal,
  kBudgetExceeded,
  kNotNeeded,
};
// As in the proto without its prefix: "QUOTA_EXCEEDED".
absl::string_view ErrorCodeName(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kUnspecified;
  std::string message{};
  uint32_t http_status = 0;
  std::string upstream_code{};
  friend bool operator==(const Error&, const Error&) = default;
};

enum class JobState { kQueued, kRunning, kSucceeded, kFailed, kCancelled };
absl::string_view JobStateName(JobState state);  // "SUCCEEDED"
inline bool IsTerminal(JobState state) { return state >= JobState::kSucceeded; }

enum class TaskState { kQueued, kRunning, kSucceeded, kFailed, kCancelled, kSkipped };
absl::string_view TaskStateName(TaskState state);

struct JobUsage {
  Usage tokens{};
  uint32_t upstream_calls = 0;
  double cost_usd = 0;
  friend bool operator==(const JobUsage&, const JobUsage&) = default;
};

// W3C Trace Context as it travels: of who submitted the job, and what its calls carry. Only passed on here.
struct TraceHeaders {
  std::string traceparent{};  // empty: none
  std::string tracestate{};
  friend bool operator==(const TraceHeaders&, const TraceHeaders&) = default;
};

// One attempt of one task by one owner of the job. Echoed by everything that concerns it; what does
// not match the task's current attempt is stale.
struct AttemptRef {
  JobId job{};
  uint32_t task = 0;     // index in the plan
  uint32_t attempt = 0;  // 1-based
  uint64_t epoch = 0;
  friend auto operator<=>(const AttemptRef&, const AttemptRef&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const AttemptRef& ref) {
    return H::combine(std::move(state), ref.job, ref.task, ref.attempt, ref.epoch);
  }
};

}  // namespace moa
