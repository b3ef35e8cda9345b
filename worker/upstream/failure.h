#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "worker/upstream/completion.h"

namespace moa::upstream {

// An error as the provider wrote it: {"message","type","param","code"}, flat or under "error".
struct ProviderError {
  std::string message;
  std::string type;
  std::string param;
  std::string code;
  // Of the body; overrides the HTTP status, which is 200 for an error inside a stream. 0: not
  // given.
  int status_code = 0;
};

// Everything known about a call that failed.
struct Failure {
  enum class Kind {
    kStatus,       // a reply with a status other than 200
    kTransport,    // libcurl gave up: curl_code
    kTimeout,      // one of our own limits was over: `detail` says which
    kTruncated,    // the reply ended before its end mark
    kMalformed,    // 200, but not what the API answers: `detail` says what
    kOversized,    // more bytes than allowed: `detail` says the limit
    kStreamError,  // an error object where a reply or a piece of a stream should be
    kRequest,      // the request could not be sent at all: `detail` says why
    kCancelled,
    kInternal,  // a defect of ours: `detail`
  };
  Kind kind = Kind::kInternal;
  int http_status = 0;  // 0: no reply
  int curl_code = 0;    // a CURLcode
  std::string detail;   // for people
  ProviderError provider;
  std::optional<bool> should_retry;           // x-should-retry
  std::optional<absl::Duration> retry_after;  // from the headers
};

struct Classification {
  ErrorCode code = ErrorCode::kInternal;
  bool retryable = false;
  std::optional<absl::Duration> retry_after;
};

// The one table of what a failure means and whether the same request may succeed later
// (CEREBRAS_API sections 1 and 4). Pure.
//
// x-should-retry decides where present, else 408, 409, 429 and 5xx, and failures of the connection
// are retryable, HTTP/2's GOAWAY and reset streams among them; a certificate that does not verify is
// not, nor an account without money. The provider's `code` is matched, never its message. One
// exception: queue_exceeded comes with x-should-retry: false, which asks clients not to press at
// once. It and a quota that is used up are passing states all the same, so they stay retryable: the
// coordinator paces all calls of a busy provider together.
Classification Classify(const Failure& failure);

// The error to report: Classify's verdict, with words for people that say what happened, at which
// address and what to do. `address` is the base URL. Anything that equals `secret` (of 8 bytes
// or more: shorter ones are parts of words) is cut out, should the provider have echoed the key. Pure.
AttemptError MakeAttemptError(const Failure& failure, absl::string_view address,
                              absl::string_view secret);

}  // namespace moa::upstream
