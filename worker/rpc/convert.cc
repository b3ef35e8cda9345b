#include "worker/rpc/convert.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace moa::worker {
namespace {

std::string Utf8(const std::string& text) { return IsValidUtf8(text) ? text : RepairUtf8(text); }

uint64_t Micros(absl::Duration duration) {
  const int64_t us = absl::ToInt64Microseconds(duration);
  return us < 0 ? 0 : static_cast<uint64_t>(us);
}

void UsageToProto(const upstream::Usage& usage, v1::Usage* out) {
  out->set_prompt_tokens(usage.prompt_tokens);
  out->set_completion_tokens(usage.completion_tokens);
  out->set_total_tokens(usage.total_tokens);
  out->set_cached_tokens(usage.cached_tokens);
  out->set_reasoning_tokens(usage.reasoning_tokens);
  out->set_accepted_prediction_tokens(usage.accepted_prediction_tokens);
  out->set_rejected_prediction_tokens(usage.rejected_prediction_tokens);
  out->set_image_tokens(usage.image_tokens);
}

void CompletionToProto(const upstream::Completion& completion, v1::Completion* out) {
  out->set_content(completion.content);
  out->set_reasoning(completion.reasoning);
  for (const upstream::ToolCall& call : completion.tool_calls) {
    v1::ToolCall* tool_call = out->add_tool_calls();
    tool_call->set_id(Utf8(call.id));
    tool_call->set_name(Utf8(call.name));
    tool_call->set_arguments(call.arguments);
  }
  out->set_finish_reason(Utf8(completion.finish_reason));
  UsageToProto(completion.usage, out->mutable_usage());
  const upstream::TimeInfo& time = completion.time_info;
  out->mutable_time_info()->set_queue_seconds(time.queue_seconds);
  out->mutable_time_info()->set_prompt_seconds(time.prompt_seconds);
  out->mutable_time_info()->set_completion_seconds(time.completion_seconds);
  out->mutable_time_info()->set_total_seconds(time.total_seconds);
  out->set_response_id(Utf8(completion.response_id));
  out->set_response_model(Utf8(completion.response_model));
  out->set_system_fingerprint(Utf8(completion.system_fingerprint));
  out->set_service_tier_used(Utf8(completion.service_tier_used));
}

void ErrorToProto(const upstream::AttemptError& error, v1::AttemptError* out) {
  v1::Error* inner = out->mutable_error();
  inner->set_code(static_cast<v1::ErrorCode>(error.error.code));
  inner->set_message(
      Utf8(std::string(Utf8Prefix(error.error.message, upstream::kErrorMessageBytesMax))));
  inner->set_http_status(error.error.http_status);
  inner->set_upstream_code(Utf8(error.error.upstream_code));
  out->set_retryable(error.retryable);
  if (error.retry_after.has_value()) out->set_retry_after_us(Micros(*error.retry_after));
  if (!(error.usage == upstream::Usage())) UsageToProto(error.usage, out->mutable_usage());
}

void WindowToProto(const upstream::RateLimits::Window& window,
                   v1::RateLimits::Window* (v1::RateLimits::*field)(), v1::RateLimits* out) {
  if (window.empty()) return;
  v1::RateLimits::Window* made = (out->*field)();
  if (window.limit) made->set_limit(*window.limit);
  if (window.remaining) made->set_remaining(*window.remaining);
  if (window.reset_seconds) made->set_reset_seconds(*window.reset_seconds);
}

void RateLimitsToProto(const upstream::RateLimits& limits, v1::RateLimits* out) {
  WindowToProto(limits.requests_minute, &v1::RateLimits::mutable_requests_minute, out);
  WindowToProto(limits.requests_hour, &v1::RateLimits::mutable_requests_hour, out);
  WindowToProto(limits.requests_day, &v1::RateLimits::mutable_requests_day, out);
  WindowToProto(limits.tokens_minute, &v1::RateLimits::mutable_tokens_minute, out);
  WindowToProto(limits.tokens_hour, &v1::RateLimits::mutable_tokens_hour, out);
  WindowToProto(limits.tokens_day, &v1::RateLimits::mutable_tokens_day, out);
}

// Tool calls are owned here while upstream::Message borrows them.
upstream::MessagesJson EncodeMessages(const std::vector<const v1::Message*>& messages,
                                      const upstream::MessageStyle& style) {
  std::vector<std::vector<upstream::ToolCall>> tool_calls(messages.size());
  std::vector<upstream::Message> views(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    const v1::Message& message = *messages[i];
    for (const v1::ToolCall& call : message.tool_calls()) {
      tool_calls[i].push_back({call.id(), call.name(), call.arguments()});
    }
    views[i].role = static_cast<upstream::Role>(message.role());
    views[i].content = message.content();
    views[i].name = message.name();
    views[i].reasoning = message.reasoning();
    views[i].tool_calls = tool_calls[i];
    views[i].tool_call_id = message.tool_call_id();
  }
  return upstream::MessagesJson::Encode(views, style);
}

void CopyParameters(const v1::Agent& parameters, upstream::ChatRequest& request) {
  if (parameters.has_temperature()) request.temperature = parameters.temperature();
  if (parameters.has_top_p()) request.top_p = parameters.top_p();
  if (parameters.has_max_completion_tokens()) {
    request.max_completion_tokens = parameters.max_completion_tokens();
  }
  if (parameters.has_seed()) request.seed = parameters.seed();
  request.stop.assign(parameters.stop().begin(), parameters.stop().end());
  request.reasoning_effort = parameters.reasoning_effort();
  if (parameters.has_frequency_penalty()) {
    request.frequency_penalty = parameters.frequency_penalty();
  }
  if (parameters.has_presence_penalty()) request.presence_penalty = parameters.presence_penalty();
  const v1::ResponseFormat& format = parameters.response_format();
  if (format.type() == v1::ResponseFormat::TEXT) return;
  request.response_format = {.type = static_cast<upstream::ResponseFormat::Type>(format.type()),
                             .name = format.name(),
                             .schema = format.schema(),
                             .strict = format.strict()};
}

void CopyTools(const v1::RunTask& task, upstream::ChatRequest& request) {
  for (const v1::Tool& tool : task.tools()) {
    upstream::Tool& made = request.tools.emplace_back();
    made.name = tool.name();
    made.description = tool.description();
    made.parameters = tool.parameters();
    if (tool.has_strict()) made.strict = tool.strict();
  }
  request.tool_choice.mode = static_cast<upstream::ToolChoice::Mode>(task.tool_choice().mode());
  request.tool_choice.function = task.tool_choice().function();
  if (task.has_parallel_tool_calls()) request.parallel_tool_calls = task.parallel_tool_calls();
}

}  // namespace

AttemptRef FromProto(const v1::AttemptRef& ref) {
  return {ref.job_id(), ref.task_index(), ref.attempt(), ref.epoch()};
}

void ToProto(const AttemptRef& ref, v1::AttemptRef* out) {
  out->set_job_id(ref.job_id);
  out->set_task_index(ref.task_index);
  out->set_attempt(ref.attempt);
  out->set_epoch(ref.epoch);
}

void ToProto(const FinishedAttempt& finished, v1::AttemptFinished* out) {
  ToProto(finished.ref, out->mutable_ref());
  const upstream::CallResult& result = finished.result;
  if (result.ok()) {
    CompletionToProto(result.completion(), out->mutable_completion());
  } else {
    ErrorToProto(result.error(), out->mutable_error());
  }
  out->set_run_us(Micros(result.run_time));
  out->set_ttft_us(Micros(result.time_to_first_token));
  if (!result.rate_limits.empty()) {
    RateLimitsToProto(result.rate_limits, out->mutable_rate_limits());
  }
  out->set_input_hash(finished.input_hash);
  out->set_received_bytes(result.received_bytes);
}

void ToProto(const AttemptTable::Held& held, v1::HeldAttempt* out) {
  ToProto(held.ref, out->mutable_ref());
  out->set_input_hash(held.input_hash);
  if (held.finished != nullptr) ToProto(*held.finished, out->mutable_finished());
}

upstream::MessagesJson EncodeContext(const v1::PutContext& context,
                                     const upstream::MessageStyle& style) {
  std::vector<const v1::Message*> messages;
  for (const v1::Message& message : context.messages()) messages.push_back(&message);
  return EncodeMessages(messages, style);
}

absl::StatusOr<upstream::ChatRequest> MakeChatRequest(const v1::RunTask& task,
                                                      const Contexts& contexts,
                                                      const upstream::MessageStyle& style) {
  upstream::ChatRequest request;
  request.model = task.model();
  request.stream = task.stream() || task.stream_deltas();
  request.prompt_cache_key = task.prompt_cache_key();
  request.traceparent = task.trace().traceparent();
  request.tracestate = task.trace().tracestate();
  // Messages between two contexts are encoded together.
  std::vector<const v1::Message*> run;
  const auto flush = [&] {
    if (!run.empty()) request.prompt.push_back(EncodeMessages(run, style));
    run.clear();
  };
  for (const v1::PromptPart& part : task.prompt()) {
    switch (part.kind_case()) {
      case v1::PromptPart::kMessage:
        run.push_back(&part.message());
        break;
      case v1::PromptPart::kContextKey: {
        flush();
        const auto it = contexts.find(part.context_key());
        if (it == contexts.end()) {
          return absl::FailedPreconditionError(absl::StrCat(
              "the task names context ", part.context_key(), ", which this worker does not hold"));
        }
        if (!it->second.empty()) request.prompt.push_back(it->second);
        break;
      }
      case v1::PromptPart::KIND_NOT_SET:
        // A prompt with a part missing must not be sent as if it were whole.
        return absl::FailedPreconditionError(
            "the prompt has a part of a kind that this worker does not know");
    }
  }
  flush();
  CopyParameters(task.parameters(), request);
  // The API does not stream replies of this kind (CEREBRAS_API section 2).
  if (request.response_format.type == upstream::ResponseFormat::Type::kJsonObject) {
    request.stream = false;
  }
  CopyTools(task, request);
  return request;
}

}  // namespace moa::worker
