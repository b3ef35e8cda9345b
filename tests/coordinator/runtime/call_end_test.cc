#include "coordinator/runtime/call_end.h"

#include <gtest/gtest.h>

namespace moa {
namespace {

EndedAttempt Succeeded(uint64_t prompt, uint64_t completion, uint64_t cached) {
  AttemptSucceeded event;
  event.completion.usage = {.prompt_tokens = prompt,
                            .completion_tokens = completion,
                            .total_tokens = prompt + completion,
                            .cached_tokens = cached};
  return {.event = event};
}

EndedAttempt Failed(ErrorCode code, const char* upstream_code = "") {
  AttemptFailed event;
  event.error = {.code = code, .upstream_code = upstream_code};
  return {.event = event};
}

TEST(CallEndTest, ASuccessUsesWhatTheProviderCounted) {
  const CallEnd end = CallEndOf(Succeeded(300, 50, 128), 999, 0);
  EXPECT_EQ(end.kind, CallEnd::Kind::kProcessed);
  EXPECT_EQ(end.used.total, 350u);
  EXPECT_EQ(end.used.uncached, 222u);
}

TEST(CallEndTest, AProviderThatDoesNotCountIsEstimated) {
  EndedAttempt ended = Succeeded(0, 0, 0);
  ended.received_bytes = 400;
  const CallEnd end = CallEndOf(ended, 300, 0);
  EXPECT_EQ(end.used.total, 400u);
}

TEST(CallEndTest, ACancelledCallHasUsedItsPromptAndWhatItWrote) {
  EndedAttempt ended = Failed(ErrorCode::kCancelled);
  ended.received_bytes = 40;
  const CallEnd end = CallEndOf(ended, 300, 0);
  EXPECT_EQ(end.kind, CallEnd::Kind::kDropped);
  EXPECT_EQ(end.used.total, 310u);
}

TEST(CallEndTest, RefusalsTellWhatWasShort) {
  const CallEnd tokens = CallEndOf(Failed(ErrorCode::kQuotaExceeded, "token_quota_exceeded"), 1, 0);
  EXPECT_EQ(tokens.kind, CallEnd::Kind::kQuotaRefused);
  EXPECT_TRUE(tokens.tokens_short);
  const CallEnd calls =
      CallEndOf(Failed(ErrorCode::kQuotaExceeded, "request_quota_exceeded"), 1, 0);
  EXPECT_FALSE(calls.tokens_short);
  EXPECT_EQ(CallEndOf(Failed(ErrorCode::kQueueExceeded), 1, 0).kind, CallEnd::Kind::kBusy);
}

TEST(CallEndTest, WhatWasTurnedDownHasUsedNothing) {
  for (const ErrorCode code :
       {ErrorCode::kInvalidRequest, ErrorCode::kUnauthorized, ErrorCode::kPaymentRequired,
        ErrorCode::kModelNotFound, ErrorCode::kContextLengthExceeded, ErrorCode::kInternal}) {
    const CallEnd end = CallEndOf(Failed(code), 300, 0);
    EXPECT_EQ(end.kind, CallEnd::Kind::kProcessed);
    EXPECT_EQ(end.used.total, 0u) << ErrorCodeName(code);
  }
}

TEST(CallEndTest, WhatBrokeOffCountsAsRead) {
  for (const ErrorCode code : {ErrorCode::kServerError, ErrorCode::kUpstreamTimeout,
                               ErrorCode::kTruncated, ErrorCode::kConnectionFailed}) {
    EXPECT_EQ(CallEndOf(Failed(code), 300, 0).used.total, 300u) << ErrorCodeName(code);
  }
  EndedAttempt counted = Failed(ErrorCode::kTruncated);
  std::get<AttemptFailed>(counted.event).usage = {.prompt_tokens = 20, .completion_tokens = 5};
  EXPECT_EQ(CallEndOf(counted, 300, 0).used.total, 25u);
}

}  // namespace
}  // namespace moa
