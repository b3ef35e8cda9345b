#include "tests/sim/sim_provider.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/token_estimator.h"
#include "tests/sim/prompt_audit.h"
#include "tests/sim/world.h"

namespace moa::sim {
namespace {

struct Failure {
  ErrorCode code;
  bool retryable;
  uint32_t weight;
};
// As worker/upstream classifies them (CEREBRAS_API section 1), the frequent ones first.
constexpr Failure kFailures[] = {
    {ErrorCode::kQuotaExceeded, true, 30},    {ErrorCode::kServerError, true, 20},
    {ErrorCode::kConnectionFailed, true, 15}, {ErrorCode::kQueueExceeded, false, 10},
    {ErrorCode::kUpstreamTimeout, true, 5},   {ErrorCode::kTruncated, true, 8},
    {ErrorCode::kMalformedResponse, true, 5}, {ErrorCode::kInvalidRequest, false, 3},
    {ErrorCode::kModelNotFound, false, 2},    {ErrorCode::kContextLengthExceeded, false, 2},
    {ErrorCode::kInternal, true, 3},          {ErrorCode::kUnauthorized, false, 1},
    {ErrorCode::kPaymentRequired, false, 1},
};

// What models say to confuse those who handle it.
constexpr const char* kOddTexts[] = {"{helper_response}",     "[Answer 1]\nnot a reference",
                                     "100 % {braces} {0} %s", "\n\n  ",
                                     "\xff\xfe not UTF-8",    "<ans:0:0>"};

// What routers, critics and voters say, all in one, so that every reader finds its part.
std::string Judgement(Random& random) {
  const auto truth = [&] { return random.Percent(50) ? "true" : "false"; };
  std::string agents;
  for (uint32_t i = random.Below(3); i > 0; --i) {
    absl::StrAppend(&agents, agents.empty() ? "" : ", ", "\"a", random.Below(3), ".",
                    random.Below(3), "\"");
  }
  const std::string one = absl::StrCat("\"accept\": ", truth(), ", \"score\": ", random.Below(11),
                                       ", \"feedback\": \"hm\"");
  return absl::StrCat(" {", one, ", \"verdicts\": [{", one, "}, {", one, "}], \"done\": ", truth(),
                      ", \"agents\": [", agents, "]}\nConfidence: 0.", random.Below(10),
                      "\nAnswer: ", random.Below(3));
}

}  // namespace

Event MakeFailure(const AttemptRef& ref, ErrorCode code, bool retryable, const std::string& what) {
  return AttemptFailed{.ref = ref,
                       .error = {.code = code, .message = absl::StrCat(kErrorMark, " ", what)},
                       .retryable = retryable};
}

SimProvider::Reply SimProvider::Answer(const AttemptRef& ref,
                                       const std::shared_ptr<const Call>& call) {
  Reply reply;
  reply.after = world_.random.Between(absl::Milliseconds(20), absl::Milliseconds(1500));
  if (world_.Fault(world_.weather.hanging_call)) {
    reply.after = absl::InfiniteDuration();
  } else if (world_.Fault(3)) {
    reply.after = world_.random.Between(absl::Seconds(2), absl::Seconds(20));
  }
  if (world_.Fault(world_.weather.failing_call)) {
    reply.after = std::min(reply.after,
                           world_.random.Between(absl::Milliseconds(1), absl::Milliseconds(400)));
    reply.event = Fail(ref, *call);
  } else {
    reply.event = Succeed(ref, call);
  }
  return reply;
}

Event SimProvider::Succeed(const AttemptRef& ref, const std::shared_ptr<const Call>& call) {
  const uint64_t nonce = next_nonce_++;
  std::string content = absl::StrCat("<ans:", nonce, ":", absl::Hex(call->Hash()), ">");
  if (world_.random.Percent(50)) absl::StrAppend(&content, Judgement(world_.random));
  if (world_.random.Percent(20)) {
    absl::StrAppend(&content, " ", kOddTexts[world_.random.Below(std::size(kOddTexts))]);
  }
  AttemptSucceeded succeeded;
  succeeded.ref = ref;
  Completion& completion = succeeded.completion;
  completion.finish_reason = "stop";
  if (call->with_tools && world_.random.Percent(50)) {
    completion.finish_reason = "tool_calls";
    completion.tool_calls.push_back({.id = "t1", .name = "f", .arguments = Text("{}")});
    content.clear();
  } else if (world_.Fault(3)) {
    completion.finish_reason = "length";
    content = " \n";
  }
  completion.content = Text(std::move(content));
  completion.response_id = absl::StrCat("call-", nonce);
  PromptSize size;
  for (const Message& message : call->messages) size += SizeOf(message);
  const auto prompt_max = static_cast<uint32_t>(TokenEstimator().UpperBound(call->model, size));
  completion.usage.prompt_tokens = world_.random.Range(1, prompt_max);
  completion.usage.completion_tokens = world_.random.Range(1, call->max_completion_tokens);
  completion.usage.total_tokens =
      completion.usage.prompt_tokens + completion.usage.completion_tokens;
  world_.auditor.Answered(nonce, ref, call, completion);
  world_.auditor.Billed(ref, call->model, completion.usage);
  return succeeded;
}

Event SimProvider::Fail(const AttemptRef& ref, const Call& call) {
  uint32_t total = 0;
  for (const Failure& failure : kFailures) total += failure.weight;
  uint32_t at = world_.random.Below(total);
  const Failure* chosen = kFailures;
  while (at >= chosen->weight) at -= (chosen++)->weight;
  Event event = MakeFailure(ref, chosen->code, chosen->retryable, "the provider fails");
  auto& failed = std::get<AttemptFailed>(event);
  if (world_.random.Percent(40)) {
    failed.retry_after = world_.random.Percent(90)
                             ? world_.random.Between(absl::ZeroDuration(), absl::Seconds(5))
                             : world_.random.Between(absl::Seconds(5), absl::Hours(2));
  }
  if (chosen->code == ErrorCode::kTruncated) {
    failed.usage.completion_tokens = world_.random.Below(call.max_completion_tokens);
    failed.usage.total_tokens = failed.usage.completion_tokens;
  }
  world_.auditor.Billed(ref, call.model, failed.usage);
  return event;
}

}  // namespace moa::sim
