#include "worker/upstream/failure.h"

#include <curl/curl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace moa::upstream {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct StatusCase {
  int status;
  const char* code;
  std::optional<bool> should_retry;
  std::optional<int> retry_after_seconds;
  ErrorCode expected;
  bool retryable;
  std::optional<int> wait_seconds;
};

Failure StatusFailure(const StatusCase& c) {
  Failure failure;
  failure.kind = Failure::Kind::kStatus;
  failure.http_status = c.status;
  failure.provider.code = c.code;
  failure.should_retry = c.should_retry;
  if (c.retry_after_seconds) failure.retry_after = absl::Seconds(*c.retry_after_seconds);
  return failure;
}

TEST(ClassifyTest, KnowsEveryStatusAndCode) {
  const std::optional<bool> no_word;
  const std::optional<int> none;
  const StatusCase cases[] = {
      {400, "wrong_api_format", no_word, none, ErrorCode::kInvalidRequest, false, none},
      {400, "context_length_exceeded", no_word, none, ErrorCode::kContextLengthExceeded, false,
       none},
      {400, "", no_word, none, ErrorCode::kInvalidRequest, false, none},
      {401, "wrong_api_key", no_word, none, ErrorCode::kUnauthorized, false, none},
      {401, "", no_word, none, ErrorCode::kUnauthorized, false, none},
      {402, "payment_required", false, none, ErrorCode::kPaymentRequired, false, none},
      {403, "", no_word, none, ErrorCode::kUnauthorized, false, none},
      {404, "model_not_found", no_word, none, ErrorCode::kModelNotFound, false, none},
      {404, "model_archived", no_word, none, ErrorCode::kModelNotFound, false, none},
      {404, "", no_word, none, ErrorCode::kModelNotFound, false, none},
      {408, "", no_word, none, ErrorCode::kServerError, true, none},
      {409, "", no_word, none, ErrorCode::kServerError, true, none},
      {413, "", no_word, none, ErrorCode::kInvalidRequest, false, none},
      {422, "wrong_api_format", no_word, none, ErrorCode::kInvalidRequest, false, none},
      {418, "", no_word, none, ErrorCode::kInvalidRequest, false, none},
      {429, "token_quota_exceeded", no_word, 49, ErrorCode::kQuotaExceeded, true, 49},
      {429, "request_quota_exceeded", no_word, 59, ErrorCode::kQuotaExceeded, true, 59},
      {429, "token_quota_exceeded", false, 59, ErrorCode::kQuotaExceeded, true, 59},
      {429, "request_quota_exceeded", false, none, ErrorCode::kQuotaExceeded, true, none},
      {403, "wrong_api_key", no_word, none, ErrorCode::kUnauthorized, false, none},
      {400, "context_length_exceeded", false, none, ErrorCode::kContextLengthExceeded, false, none},
      {429, "queue_exceeded", no_word, none, ErrorCode::kQueueExceeded, true, none},
      {429, "queue_exceeded", false, none, ErrorCode::kQueueExceeded, true, none},
      {429, "queue_exceeded", false, 30, ErrorCode::kQueueExceeded, true, 30},
      {429, "", no_word, 3, ErrorCode::kQuotaExceeded, true, 3},
      {429, "", no_word, none, ErrorCode::kQueueExceeded, true, none},
      {429, "insufficient_quota", no_word, none, ErrorCode::kPaymentRequired, false, none},
      {429, "rate_limit_exceeded", no_word, 7, ErrorCode::kQuotaExceeded, true, 7},
      {401, "invalid_api_key", no_word, none, ErrorCode::kUnauthorized, false, none},
      {500, "", no_word, none, ErrorCode::kServerError, true, none},
      {502, "", no_word, none, ErrorCode::kServerError, true, none},
      {503, "", no_word, 2, ErrorCode::kServerError, true, 2},
      {504, "", no_word, none, ErrorCode::kServerError, true, none},
      {500, "", false, none, ErrorCode::kServerError, false, none},
      {500, "wrong_api_key", no_word, none, ErrorCode::kServerError, true, none},
      {400, "wrong_api_format", true, none, ErrorCode::kInvalidRequest, true, none},
      {204, "", no_word, none, ErrorCode::kMalformedResponse, false, none},
      {302, "", no_word, none, ErrorCode::kMalformedResponse, false, none},
  };
  for (const StatusCase& c : cases) {
    const Classification verdict = Classify(StatusFailure(c));
    EXPECT_EQ(verdict.code, c.expected) << c.status << " " << c.code;
    EXPECT_EQ(verdict.retryable, c.retryable) << c.status << " " << c.code;
    EXPECT_EQ(verdict.retry_after.has_value(), c.wait_seconds.has_value()) << c.status << c.code;
    if (c.wait_seconds) {
      EXPECT_EQ(verdict.retry_after, absl::Seconds(*c.wait_seconds));
    }
  }
}

TEST(ClassifyTest, TellsTooManyRequestsApartByTheBucketWhereThereIsNoCode) {
  Failure failure = StatusFailure({429, "", {}, {}, {}, true, {}});
  failure.provider.param = "quota";
  EXPECT_EQ(Classify(failure).code, ErrorCode::kQuotaExceeded);
  failure.provider.param = "queue";
  failure.retry_after = absl::Seconds(3);
  EXPECT_EQ(Classify(failure).code, ErrorCode::kQueueExceeded);
}

TEST(ClassifyTest, KnowsTransportFailures) {
  struct {
    CURLcode curl;
    ErrorCode expected;
    bool retryable;
  } const cases[] = {
      {CURLE_COULDNT_RESOLVE_HOST, ErrorCode::kConnectionFailed, true},
      {CURLE_COULDNT_CONNECT, ErrorCode::kConnectionFailed, true},
      {CURLE_RECV_ERROR, ErrorCode::kConnectionFailed, true},
      {CURLE_SEND_ERROR, ErrorCode::kConnectionFailed, true},
      {CURLE_GOT_NOTHING, ErrorCode::kConnectionFailed, true},
      {CURLE_SSL_CONNECT_ERROR, ErrorCode::kConnectionFailed, true},
      {CURLE_PEER_FAILED_VERIFICATION, ErrorCode::kConnectionFailed, false},
      {CURLE_SSL_CACERT_BADFILE, ErrorCode::kConnectionFailed, false},
      {CURLE_OPERATION_TIMEDOUT, ErrorCode::kUpstreamTimeout, true},
      {CURLE_PARTIAL_FILE, ErrorCode::kTruncated, true},
      {CURLE_UNSUPPORTED_PROTOCOL, ErrorCode::kMalformedResponse, true},
      {CURLE_HTTP2, ErrorCode::kConnectionFailed, true},         // GOAWAY
      {CURLE_HTTP2_STREAM, ErrorCode::kConnectionFailed, true},  // refused, reset
      {CURLE_OUT_OF_MEMORY, ErrorCode::kInternal, false},
  };
  for (const auto& c : cases) {
    Failure failure;
    failure.kind = Failure::Kind::kTransport;
    failure.curl_code = c.curl;
    EXPECT_EQ(Classify(failure).code, c.expected) << c.curl;
    EXPECT_EQ(Classify(failure).retryable, c.retryable) << c.curl;
  }
}

TEST(ClassifyTest, KnowsTheClientsOwnFailures) {
  struct {
    Failure::Kind kind;
    ErrorCode expected;
    bool retryable;
  } const cases[] = {
      {Failure::Kind::kTimeout, ErrorCode::kUpstreamTimeout, true},
      {Failure::Kind::kTruncated, ErrorCode::kTruncated, true},
      {Failure::Kind::kMalformed, ErrorCode::kMalformedResponse, true},
      {Failure::Kind::kOversized, ErrorCode::kMalformedResponse, false},
      {Failure::Kind::kRequest, ErrorCode::kInvalidRequest, false},
      {Failure::Kind::kCancelled, ErrorCode::kCancelled, false},
      {Failure::Kind::kInternal, ErrorCode::kInternal, false},
  };
  for (const auto& c : cases) {
    Failure failure;
    failure.kind = c.kind;
    EXPECT_EQ(Classify(failure).code, c.expected);
    EXPECT_EQ(Classify(failure).retryable, c.retryable);
  }
}

TEST(ClassifyTest, JudgesAnErrorInAStreamByItsOwnStatusOnly) {
  Failure failure;
  failure.kind = Failure::Kind::kStreamError;
  failure.http_status = 200;
  failure.should_retry = false;  // of the 200's headers: says nothing about the error
  EXPECT_EQ(Classify(failure).code, ErrorCode::kServerError);
  EXPECT_TRUE(Classify(failure).retryable);
  failure.provider.status_code = 429;
  failure.provider.code = "token_quota_exceeded";
  EXPECT_EQ(Classify(failure).code, ErrorCode::kQuotaExceeded);
  failure.provider.status_code = 400;
  failure.provider.code = "context_length_exceeded";
  EXPECT_EQ(Classify(failure).code, ErrorCode::kContextLengthExceeded);
  EXPECT_FALSE(Classify(failure).retryable);
}

TEST(MakeAttemptErrorTest, SaysWhatWhereAndWhatToDo) {
  Failure failure = StatusFailure({401, "wrong_api_key", {}, {}, {}, false, {}});
  failure.provider.message = "Wrong API Key";
  const AttemptError error = MakeAttemptError(failure, "https://api.cerebras.ai", "csk-1");
  EXPECT_EQ(
      error.error.message,
      "the provider at https://api.cerebras.ai refused the API key: 401 (wrong_api_key): Wrong "
      "API Key; check CEREBRAS_API_KEY (or the key file) of this worker");
  EXPECT_EQ(error.error.http_status, 401u);
  EXPECT_EQ(error.error.upstream_code, "wrong_api_key");
  EXPECT_FALSE(error.retryable);
}

TEST(MakeAttemptErrorTest, NeverShowsTheKey) {
  Failure failure = StatusFailure({401, "csk-topsecret", {}, {}, {}, false, {}});
  failure.provider.message = "Incorrect API key provided: csk-topsecret.";
  failure.detail = "csk-topsecret";
  const AttemptError error = MakeAttemptError(failure, "http://h", "csk-topsecret");
  EXPECT_THAT(error.error.message, AllOf(Not(HasSubstr("topsecret")), HasSubstr("[API key]")));
  EXPECT_THAT(error.error.upstream_code, Not(HasSubstr("topsecret")));
}

TEST(MakeAttemptErrorTest, AKeyThatIsPartOfWordsLeavesThemAlone) {
  Failure failure = StatusFailure({401, "wrong_api_key", {}, {}, {}, false, {}});
  failure.provider.message = "Incorrect API key provided.";
  EXPECT_THAT(MakeAttemptError(failure, "http://h", "k").error.message,
              HasSubstr("Incorrect API key provided"));
}

TEST(MakeAttemptErrorTest, BoundsAndRepairsTheMessage) {
  Failure failure = StatusFailure({400, "wrong_api_format", {}, {}, {}, false, {}});
  failure.provider.message = "\xFF" + std::string(100000, 'x');
  const AttemptError error = MakeAttemptError(failure, "http://h/" + std::string(5000, 'y'), "");
  EXPECT_LE(error.error.message.size(), kErrorMessageBytesMax);
  EXPECT_TRUE(IsValidUtf8(error.error.message));
}

TEST(MakeAttemptErrorTest, HasWordsForEveryKind) {
  for (int kind = 0; kind <= static_cast<int>(Failure::Kind::kInternal); ++kind) {
    Failure failure;
    failure.kind = static_cast<Failure::Kind>(kind);
    failure.curl_code = CURLE_COULDNT_CONNECT;
    failure.http_status = failure.kind == Failure::Kind::kStatus ? 503 : 0;
    failure.detail = "the detail";
    const AttemptError error = MakeAttemptError(failure, "http://host:1", "");
    EXPECT_GT(error.error.message.size(), 10u) << kind;
    EXPECT_NE(error.error.code, ErrorCode::kUnspecified);
    EXPECT_NE(ErrorCodeName(error.error.code), "UNSPECIFIED");
  }
}

}  // namespace
}  // namespace moa::upstream
