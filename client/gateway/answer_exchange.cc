#include "client/gateway/answer_exchange.h"

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "client/gateway/stream_text.h"
#include "common/net/random_id.h"

namespace moa::gateway {

void AnswerExchange::Start(const Context& context, Asked asked, std::shared_ptr<Reply> reply) {
  const std::shared_ptr<AnswerExchange> exchange(
      new AnswerExchange(context, std::move(asked), std::move(reply)));
  exchange->Begin();
}

AnswerExchange::AnswerExchange(const Context& context, Asked asked, std::shared_ptr<Reply> reply)
    : context_(context),
      request_(std::move(asked.request)),
      form_(std::move(asked.form)),
      idempotency_key_(std::move(asked.idempotency_key)),
      trace_(std::move(asked.trace)),
      reply_(std::move(reply)),
      written_at_(Loop::Now()) {}

AnswerExchange::~AnswerExchange() = default;

void AnswerExchange::Begin() {
  reply_->OnClientGone([loop = &context_.coordinators.loop(), weak = weak_from_this()]() mutable {
    loop->Post([weak = std::move(weak)] {
      if (const auto self = weak.lock()) self->ClientGone();
    });
  });
  context_.catalogue.Get([self = shared_from_this()](const auto& presets) {
    if (self->over_) return;
    if (!presets.ok()) return self->Fail(ErrorOfStatus(presets.status()));
    if (const auto error = SetModel(*presets, &self->request_)) return self->Fail(*error);
    self->Resolve();
  });
}

void AnswerExchange::Resolve() {
  if (over_) return;
  if (resolved_ == request_.references.size()) return Submit();
  v1::GetJobRequest get;
  get.set_job_id(request_.references[resolved_].job_id);
  context_.coordinators.Call<v1::GetJobRequest, v1::Job>(
      &Coordinators::Methods::GetJob, std::move(get), {},
      [self = shared_from_this()](const absl::StatusOr<v1::Job>& job) {
        const std::vector<ItemReference>& references = self->request_.references;
        const std::string id = references[self->resolved_].job_id;
        if (absl::IsNotFound(job.status()) || absl::IsInvalidArgument(job.status())) {
          return self->Fail(UnknownItem(references[self->resolved_]));
        }
        if (!job.ok()) return self->Fail(ErrorOfStatus(job.status()));
        for (; self->resolved_ < references.size(); ++self->resolved_) {
          const ItemReference& reference = references[self->resolved_];
          if (reference.job_id != id) break;
          if (const auto error = FillIn(reference, *job, &self->request_)) {
            return self->Fail(*error);
          }
        }
        self->Resolve();
      });
}

void AnswerExchange::Submit() {
  v1::SubmitJobRequest submit;
  *submit.mutable_job() = std::move(request_.spec);
  // One of our own, so that asking again after a lost acknowledgement makes no second job.
  submit.set_idempotency_key(idempotency_key_.empty() ? RandomId() : idempotency_key_);
  context_.coordinators.Call<v1::SubmitJobRequest, v1::SubmitJobResponse>(
      &Coordinators::Methods::SubmitJob, std::move(submit), trace_,
      [self = shared_from_this()](const absl::StatusOr<v1::SubmitJobResponse>& response) {
        if (response.ok()) return self->Submitted(*response);
        self->Fail(ErrorOfStatus(response.status(), self->request_.names));
      });
}

void AnswerExchange::Submitted(const v1::SubmitJobResponse& response) {
  head_ = {.job_id = response.job_id(),
           .model = request_.model,
           .created_seconds = absl::ToUnixSeconds(absl::Now())};
  if (over_) return CancelJob();  // the client left meanwhile
  reply_->AddHeader("X-Moa-Job-Id", head_.job_id);
  const auto self = shared_from_this();
  watch_ = std::make_unique<JobWatch>(
      context_.coordinators,
      JobWatch::Options{.job_id = head_.job_id,
                        .progress = request_.stream,
                        .answer_only = true,
                        .cancel_on_disconnect = idempotency_key_.empty()},
      JobWatch::Callbacks{
          .updated = [self](const v1::WatchUpdate& update) { self->Updated(update); },
          .ended =
              [self](const absl::Status& status) {
                if (status.ok() && self->has_ended_) return;
                self->Fail(ErrorOfStatus(
                    status.ok() ? absl::UnavailableError("the job's end was not told") : status));
              }});
  if (request_.stream) SetTimer();
}

void AnswerExchange::Updated(const v1::WatchUpdate& update) {
  if (over_) return;
  if (request_.progress && request_.stream) {
    if (const std::string json = TaskEventJson(update); !json.empty()) {
      Write(ServerSentEvent(json, "moa.task"));
    }
  }
  if (update.has_task_delta()) return OnDelta(update.task_delta());
  const v1::JobEvent& event = update.event();
  if (event.has_accepted()) {
    head_.created_seconds = event.time().seconds();
  } else if (event.has_degraded()) {
    facts_.degraded = true;
  } else if (event.has_task_finished()) {
    const v1::TaskResult& task = event.task_finished();
    if (task.task().kind() == v1::STAGE_KIND_AGGREGATE &&
        task.state() == v1::TASK_STATE_SUCCEEDED) {
      answer_ = task.completion();
    }
  } else if (event.has_ended()) {
    OnEnded(event.ended());
  }
}

void AnswerExchange::OnDelta(const v1::TaskDelta& delta) {
  if (!request_.stream || delta.task().kind() != v1::STAGE_KIND_AGGREGATE) return;
  WriteText(text_.Apply(delta));
}

void AnswerExchange::OnEnded(const v1::JobEnded& ended) {
  has_ended_ = true;
  facts_.usage = ended.usage();
  if (ended.state() != v1::JOB_STATE_SUCCEEDED) return Fail(ErrorOfJob(ended.error()));
  if (answer_) return Answer();
  // Another agent's answer stands for the aggregator's: the job says which.
  v1::GetJobRequest get;
  get.set_job_id(head_.job_id);
  context_.coordinators.Call<v1::GetJobRequest, v1::Job>(
      &Coordinators::Methods::GetJob, std::move(get), {},
      [self = shared_from_this()](absl::StatusOr<v1::Job> job) {
        if (self->over_) return;
        if (!job.ok()) return self->Fail(ErrorOfStatus(job.status()));
        self->answer_ = std::move(*job->mutable_answer());
        self->Answer();
      });
}

void AnswerExchange::Answer() {
  if (request_.stream) return AnswerStream();
  reply_->SendJson(form_->Whole(head_, *answer_, facts_));
  Close();
}

void AnswerExchange::AnswerStream() {
  WriteText(text_.Complete(*answer_));
  if (over_) return;
  Write(form_->End(head_, *answer_, facts_));
  reply_->End();
  Close();
}

void AnswerExchange::Write(absl::string_view events) {
  if (events.empty()) return;
  reply_->StartStream();
  reply_->Write(events);
  written_at_ = Loop::Now();
}

void AnswerExchange::WriteText(const absl::StatusOr<AnswerText::Piece>& piece) {
  if (!piece.ok()) {
    return Fail({.status = 502,
                 .message = std::string(piece.status().message()),
                 .code = "answer_interrupted"});
  }
  if (!std::exchange(begun_, true)) context_.metrics.FirstToken(reply_->age());
  Write(form_->Text(head_, *piece));
}

void AnswerExchange::Fail(const ApiError& error) {
  if (over_) return;
  if (reply_->streaming()) {
    Write(form_->Fail(head_, error, facts_));
    reply_->End(error.status);
  } else {
    reply_->SendError(error);
  }
  Close();
}

void AnswerExchange::ClientGone() {
  if (over_) return;
  reply_->Abandon();
  // Where a watch has brought something, its end tells the coordinator; one that was just opened may never get there.
  const bool told = watch_ != nullptr && watch_->heard();
  if (!head_.job_id.empty() && !told) CancelJob();
  Close();
}

void AnswerExchange::CancelJob() {
  if (!idempotency_key_.empty()) return;
  v1::CancelJobRequest cancel;
  cancel.set_job_id(head_.job_id);
  cancel.set_reason("the client of the gateway went away");
  context_.coordinators.Call<v1::CancelJobRequest, v1::Job>(&Coordinators::Methods::CancelJob,
                                                            std::move(cancel), {},
                                                            [](const absl::StatusOr<v1::Job>&) {});
}

void AnswerExchange::SetTimer() {
  const absl::Time next = written_at_ + context_.keep_alive;
  timer_ = context_.coordinators.loop().CallAt(next, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->KeepAlive();
  });
}

void AnswerExchange::KeepAlive() {
  timer_ = 0;
  if (over_) return;
  if (Loop::Now() - written_at_ >= context_.keep_alive) Write(form_->SignOfLife(head_));
  SetTimer();
}

void AnswerExchange::Close() {
  over_ = true;
  Loop& loop = context_.coordinators.loop();
  if (timer_ != 0) loop.CancelTimer(std::exchange(timer_, 0));
  // Not here: it may be the watch that has called. It holds the last reference.
  loop.Post([self = shared_from_this()] { self->watch_.reset(); });
}

}  // namespace moa::gateway
