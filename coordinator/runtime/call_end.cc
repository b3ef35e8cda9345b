#include "coordinator/runtime/call_end.h"

#include <variant>

namespace moa {
namespace {

constexpr uint64_t kBytesPerToken = 4;

QuotaLedger::Used UsedOf(const Usage& usage) {
  const uint64_t cached = usage.cached_tokens < usage.prompt_tokens ? usage.cached_tokens : 0;
  const uint64_t total = usage.prompt_tokens + usage.completion_tokens;
  return {.uncached = total - cached, .total = total};
}

// The provider had read the prompt and written at least what came over.
QuotaLedger::Used Guess(uint64_t prompt_tokens, uint64_t received_bytes) {
  const uint64_t tokens = prompt_tokens + received_bytes / kBytesPerToken;
  return {.uncached = tokens, .total = tokens};
}

// The provider has turned the request down without running the model.
bool IsTurnedDown(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kPaymentRequired:
    case ErrorCode::kModelNotFound:
    case ErrorCode::kContextLengthExceeded:
    case ErrorCode::kInternal:  // the worker could not even send it
      return true;
    default:
      return false;
  }
}

}  // namespace

CallEnd CallEndOf(const EndedAttempt& ended, uint64_t prompt_tokens, uint64_t random) {
  CallEnd end{.headers = ended.rate_limits, .random = random};
  const QuotaLedger::Used guess = Guess(prompt_tokens, ended.received_bytes);
  if (const auto* succeeded = std::get_if<AttemptSucceeded>(&ended.event)) {
    const Usage& usage = succeeded->completion.usage;
    end.used = usage.prompt_tokens > 0 ? UsedOf(usage) : guess;
    return end;
  }
  const auto& failed = std::get<AttemptFailed>(ended.event);
  const ErrorCode code = failed.error.code;
  end.retry_after = failed.retry_after;
  if (code == ErrorCode::kQuotaExceeded) {
    end.kind = CallEnd::Kind::kQuotaRefused;
    end.tokens_short = failed.error.upstream_code != "request_quota_exceeded";
  } else if (code == ErrorCode::kQueueExceeded) {
    end.kind = CallEnd::Kind::kBusy;
  } else if (code == ErrorCode::kCancelled || code == ErrorCode::kWorkerLost) {
    end.kind = CallEnd::Kind::kDropped;
  }
  if (failed.usage.prompt_tokens > 0) {
    end.used = UsedOf(failed.usage);
  } else if (!IsTurnedDown(code)) {
    end.used = guess;
  }
  return end;
}

}  // namespace moa
