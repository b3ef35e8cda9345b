#include "coordinator/engine/fallback_policy.h"

namespace moa {

FallbackRule FallbackRuleOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kModelNotFound:
      return FallbackRule::kAtOnce;
    case ErrorCode::kContextLengthExceeded:
      return FallbackRule::kLargerContext;
    case ErrorCode::kQueueExceeded:
      return FallbackRule::kBusyTwice;
    case ErrorCode::kQuotaExceeded:
      return FallbackRule::kLongWait;
    case ErrorCode::kServerError:
    case ErrorCode::kConnectionFailed:
    case ErrorCode::kUpstreamTimeout:
    case ErrorCode::kTruncated:
    case ErrorCode::kMalformedResponse:
      return FallbackRule::kExhausted;
    case ErrorCode::kUnspecified:
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kPaymentRequired:
    case ErrorCode::kWorkerLost:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kCancelled:
    case ErrorCode::kInternal:
    case ErrorCode::kBudgetExceeded:
    case ErrorCode::kNotNeeded:
      return FallbackRule::kNever;
  }
  return FallbackRule::kNever;
}

bool MovesOn(const FailedOnModel& failed) {
  switch (FallbackRuleOf(failed.code)) {
    case FallbackRule::kNever:
      return false;
    case FallbackRule::kAtOnce:
    case FallbackRule::kLargerContext:
      return true;
    case FallbackRule::kBusyTwice:
      return failed.exhausted || failed.refusals_in_a_row >= 2;
    case FallbackRule::kLongWait:
      return failed.exhausted ||
             (failed.retry_after && IsLongWait(*failed.retry_after, failed.time_left));
    case FallbackRule::kExhausted:
      return failed.exhausted;
  }
  return false;
}

bool IsLongWait(absl::Duration wait, absl::Duration time_left) {
  return wait > kFallbackWaitMax || wait >= time_left;
}

const std::string& ModelAt(const Agent& agent, uint32_t index) {
  return index == 0 ? agent.model : agent.fallback_models[index - 1];
}

std::optional<uint32_t> NextModel(const Agent& agent, uint32_t index, bool larger_context,
                                  const ModelTable* models) {
  const auto context = [&](uint32_t number) -> uint32_t {
    const ModelInfo* info = models == nullptr ? nullptr : models->Find(ModelAt(agent, number));
    return info == nullptr ? 0 : info->context_tokens;
  };
  const uint32_t held = context(index);
  for (uint32_t next = index + 1; next <= agent.fallback_models.size(); ++next) {
    const uint32_t holds = context(next);
    if (!larger_context || held == 0 || holds == 0 || holds > held) return next;
  }
  return std::nullopt;
}

}  // namespace moa
