#include <algorithm>
#include <utility>

#include "common/base/text.h"
#include "coordinator/convert/convert.h"

namespace moa {
namespace {

constexpr size_t kErrorMessageBytesMax = 2048;

}  // namespace

void UsageToProto(const Usage& usage, v1::Usage* proto) {
  proto->set_prompt_tokens(usage.prompt_tokens);
  proto->set_completion_tokens(usage.completion_tokens);
  proto->set_total_tokens(usage.total_tokens);
  proto->set_cached_tokens(usage.cached_tokens);
  proto->set_reasoning_tokens(usage.reasoning_tokens);
  proto->set_accepted_prediction_tokens(usage.accepted_prediction_tokens);
  proto->set_rejected_prediction_tokens(usage.rejected_prediction_tokens);
  proto->set_image_tokens(usage.image_tokens);
}

Usage UsageFromProto(const v1::Usage& proto) {
  return {.prompt_tokens = proto.prompt_tokens(),
          .completion_tokens = proto.completion_tokens(),
          .total_tokens = proto.total_tokens(),
          .cached_tokens = proto.cached_tokens(),
          .reasoning_tokens = proto.reasoning_tokens(),
          .accepted_prediction_tokens = proto.accepted_prediction_tokens(),
          .rejected_prediction_tokens = proto.rejected_prediction_tokens(),
          .image_tokens = proto.image_tokens()};
}

// The engine's codes count up as the proto's do; a code from a later version is "unspecified".
static_assert(static_cast<int>(ErrorCode::kNotNeeded) == v1::ERROR_CODE_NOT_NEEDED);
static_assert(static_cast<int>(ErrorCode::kWorkerLost) == v1::ERROR_CODE_WORKER_LOST);

Error ErrorFromProto(const v1::Error& proto) {
  const int code = proto.code();
  return {.code = code <= static_cast<int>(ErrorCode::kNotNeeded) ? static_cast<ErrorCode>(code)
                                                                  : ErrorCode::kUnspecified,
          .message = proto.message(),
          .http_status = proto.http_status(),
          .upstream_code = proto.upstream_code()};
}

void ErrorToProto(const Error& error, v1::Error* proto) {
  proto->set_code(static_cast<v1::ErrorCode>(error.code));
  const std::string message = RepairUtf8(error.message);
  const absl::string_view cut = Utf8Prefix(message, kErrorMessageBytesMax);
  proto->set_message(cut.data(), cut.size());
  proto->set_http_status(error.http_status);
  proto->set_upstream_code(RepairUtf8(error.upstream_code));
}

static_assert(static_cast<int>(JobState::kCancelled) + 1 == v1::JOB_STATE_CANCELLED);
static_assert(static_cast<int>(TaskState::kSkipped) + 1 == v1::TASK_STATE_SKIPPED);

v1::JobState JobStateToProto(JobState state) {
  return static_cast<v1::JobState>(static_cast<int>(state) + 1);
}
JobState JobStateFromProto(v1::JobState state) {
  const int value = std::clamp<int>(state, v1::JOB_STATE_QUEUED, v1::JOB_STATE_CANCELLED);
  return static_cast<JobState>(value - 1);
}
v1::TaskState TaskStateToProto(TaskState state) {
  return static_cast<v1::TaskState>(static_cast<int>(state) + 1);
}
TaskState TaskStateFromProto(v1::TaskState state) {
  const int value = std::clamp<int>(state, v1::TASK_STATE_QUEUED, v1::TASK_STATE_SKIPPED);
  return static_cast<TaskState>(value - 1);
}

google::protobuf::Timestamp TimeToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  const int64_t seconds = absl::ToUnixSeconds(time);
  proto.set_seconds(seconds);
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return proto;
}

absl::Time TimeFromProto(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

AttemptRef RefFromProto(const v1::AttemptRef& proto) {
  return {.job = JobId(proto.job_id()),
          .task = proto.task_index(),
          .attempt = proto.attempt(),
          .epoch = proto.epoch()};
}

void RefToProto(const AttemptRef& ref, v1::AttemptRef* proto) {
  proto->set_job_id(ref.job.value());
  proto->set_task_index(ref.task);
  proto->set_attempt(ref.attempt);
  proto->set_epoch(ref.epoch);
}

Event FinishedFromProto(v1::AttemptFinished* proto) {
  const auto micros = [](uint64_t us) { return absl::Microseconds(static_cast<int64_t>(us)); };
  if (proto->has_completion()) {
    return AttemptSucceeded{.ref = RefFromProto(proto->ref()),
                            .completion = CompletionFromProto(proto->mutable_completion()),
                            .run = micros(proto->run_us()),
                            .ttft = micros(proto->ttft_us())};
  }
  const v1::AttemptError& error = proto->error();
  AttemptFailed failed{.ref = RefFromProto(proto->ref()),
                       .error = ErrorFromProto(error.error()),
                       .retryable = error.retryable(),
                       .usage = UsageFromProto(error.usage())};
  if (error.has_retry_after_us()) failed.retry_after = micros(error.retry_after_us());
  return failed;
}

}  // namespace moa
