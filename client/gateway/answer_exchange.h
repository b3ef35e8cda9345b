#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/gateway/answer_form.h"
#include "client/gateway/answer_request.h"
#include "client/gateway/answer_text.h"
#include "client/gateway/catalogue.h"
#include "client/gateway/coordinators.h"
#include "client/gateway/gateway_metrics.h"
#include "client/gateway/job_watch.h"
#include "client/gateway/reply.h"
#include "moa/v1/job.pb.h"

namespace moa::gateway {

// One request for an answer, whichever API's: submits the job, follows it, and tells what its aggregator says, whole or
// as it comes, in the API's form. A stream's head is held back until there is something to send, so that what fails before has its own status.
// When the client goes away the job is cancelled, unless it named an idempotency key and so can come back.
//
// Owner: its own callbacks, until the reply has ended. Loop thread only.
class AnswerExchange final : public std::enable_shared_from_this<AnswerExchange> {
 public:
  struct Context {
    Coordinators& coordinators;
    Catalogue& catalogue;
    GatewayMetrics& metrics;
    absl::Duration keep_alive;  // between signs of life in a stream
  };

  struct Asked {
    AnswerRequest request;
    std::unique_ptr<AnswerForm> form;
    std::string idempotency_key;  // empty: the client gave none
    CallHeaders trace;            // of the caller
  };

  static void Start(const Context& context, Asked asked, std::shared_ptr<Reply> reply);
  ~AnswerExchange();

 private:
  AnswerExchange(const Context& context, Asked asked, std::shared_ptr<Reply> reply);

  void Begin();
  // Fills in what the request names of earlier answers, then submits.
  void Resolve();
  void Submit();
  void Submitted(const v1::SubmitJobResponse& response);
  void Updated(const v1::WatchUpdate& update);
  void OnDelta(const v1::TaskDelta& delta);
  void OnEnded(const v1::JobEnded& ended);
  void Answer();
  void AnswerStream();
  void Write(absl::string_view events);
  void WriteText(const absl::StatusOr<AnswerText::Piece>& piece);
  void Fail(const ApiError& error);
  void ClientGone();
  void CancelJob();
  void KeepAlive();
  void SetTimer();
  // No further callback has an effect.
  void Close();

  const Context context_;
  AnswerRequest request_;
  const std::unique_ptr<AnswerForm> form_;
  const std::string idempotency_key_;
  const CallHeaders trace_;
  const std::shared_ptr<Reply> reply_;
  std::unique_ptr<JobWatch> watch_;

  AnswerHead head_;
  AnswerText text_;
  JobFacts facts_;
  std::optional<v1::Completion> answer_;
  size_t resolved_ = 0;     // how many of the request's references
  bool begun_ = false;      // text was told
  bool has_ended_ = false;  // the job
  bool over_ = false;
  absl::Time written_at_;
  Loop::TimerId timer_ = 0;  // 0: none
};

}  // namespace moa::gateway
