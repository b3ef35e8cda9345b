// How a transfer ends: the part of Transfer that turns what came, and what libcurl says, into a
// result.
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "worker/upstream/transfer.h"

namespace moa::upstream {

bool Transfer::TakesFreshTry(CURLcode code) {
  if (code == CURLE_OK || failure_ || fresh_try_ || header_bytes_ > 0) return false;
  // libcurl repeats a request that an HTTP/2 server refused or a kept connection lost, five times: in
  // 7.88 five times in an easy handle's life, and ours are used for many calls. Only its words tell that
  // it has done so; the code is that of the last failure.
  const bool gave_up = absl::StartsWith(error_text_, "Connection died, tried");
  // GOAWAY had come before the request could be put on the connection.
  const bool never_sent = code == CURLE_HTTP2;
  if (!gave_up && !never_sent) return false;
  fresh_try_ = true;
  error_text_[0] = '\0';
  body_.Seek(0);
  curl_easy_setopt(easy(), CURLOPT_FRESH_CONNECT, 1L);
  return true;
}

void Transfer::Settle(CURLcode code, absl::Time now) {
  end_time_ = now;
  if (failure_) return;
  if (StreamsReply() && kind_ == Kind::kChat) {
    SettleStream(code);
  } else {
    SettleWhole(code);
  }
  if (failure_ || code == CURLE_OK || streamed_.done) return;
  Fail(Failure::Kind::kTransport, error_text_);
  failure_->curl_code = code;
}

void Transfer::SettleStream(CURLcode code) {
  if (!streamed_.done && !streamed_.error && (code == CURLE_OK || code == CURLE_PARTIAL_FILE)) {
    // An end mark without its line end counts; half a piece is what a cut stream ends with.
    (void)sse_.Finish([this](const SseParser::Event& event) {
      (void)shared_.reader.AddEvent(event, &streamed_);
    });
    if (!streamed_.done && !streamed_.error) {
      Fail(Failure::Kind::kTruncated,
           absl::StrCat("no [DONE] in ", received_bytes_, " bytes of stream"));
    }
  }
  if (streamed_.error) {
    Fail(Failure::Kind::kStreamError, "");
    failure_->provider = *std::move(streamed_.error);
  }
}

void Transfer::SettleWhole(CURLcode code) {
  if (head_.status == 0) return;  // libcurl's code says why
  if (head_.status != 200) {
    // Also when the connection broke afterwards: the status says more.
    Fail(Failure::Kind::kStatus, "");
    failure_->provider = shared_.reader.ReadError(reply_);
    return;
  }
  if (code != CURLE_OK) return;
  std::optional<ProviderError> error;
  absl::Status status;
  switch (kind_) {
    case Kind::kChat:
      status = shared_.reader.ReadWhole(reply_, &streamed_.completion, &error);
      break;
    case Kind::kModels:
      status = shared_.reader.ReadModels(reply_, &models_);
      break;
    case Kind::kWarmUp:
      break;
  }
  if (error) {
    Fail(Failure::Kind::kStreamError, "");
    failure_->provider = *std::move(error);
  } else if (!status.ok()) {
    Fail(Failure::Kind::kMalformed, std::string(status.message()));
  }
}

AttemptError Transfer::Report() const {
  Failure failure = *failure_;
  failure.http_status = head_.status;
  failure.should_retry = head_.should_retry;
  failure.retry_after = head_.RetryAfter();
  AttemptError error = MakeAttemptError(failure, shared_.options.base_url, headers_->api_key);
  error.usage = streamed_.completion.usage;
  return error;
}

CallResult Transfer::TakeResult() {
  CallResult result;
  result.run_time = end_time_ - start_time_;
  if (first_token_time_ != absl::InfinitePast()) {
    result.time_to_first_token = first_token_time_ - start_time_;
  }
  if (streamed_.chunks > 1) {
    result.time_per_chunk = (last_token_time_ - first_token_time_) / (streamed_.chunks - 1);
  }
  result.rate_limits = head_.rate_limits;
  result.received_bytes =
      streamed_.completion.content.size() + streamed_.completion.reasoning.size();
  if (failure_) {
    result.outcome = Report();
  } else {
    result.outcome = std::move(streamed_.completion);
  }
  return result;
}

ModelsResult Transfer::TakeModels() {
  ModelsResult result;
  if (failure_) {
    result.error = Report();
  } else {
    result.models = std::move(models_);
  }
  return result;
}

}  // namespace moa::upstream
