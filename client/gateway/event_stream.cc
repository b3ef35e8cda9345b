#include "client/gateway/event_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/gateway/event_json.h"

namespace moa::gateway {
namespace {

// More is not gathered.
constexpr size_t kPieceBytes = 64 << 10;

}  // namespace

void EventStream::Start(Coordinators& coordinators, Options options, std::shared_ptr<Reply> reply) {
  const std::shared_ptr<EventStream> stream(
      new EventStream(coordinators, std::move(options), std::move(reply)));
  stream->Begin();
}

void EventStream::Begin() {
  reply_->OnClientGone([loop = &coordinators_.loop(), weak = weak_from_this()]() mutable {
    loop->Post([weak = std::move(weak)] {
      const auto self = weak.lock();
      if (self == nullptr || self->over_) return;
      self->reply_->Abandon();
      self->Close();
    });
  });
  const auto self = shared_from_this();
  watch_ = std::make_unique<JobWatch>(
      coordinators_,
      JobWatch::Options{.job_id = options_.job_id,
                        .after_sequence = options_.after_sequence,
                        .progress = options_.progress},
      JobWatch::Callbacks{
          .updated = [self](const v1::WatchUpdate& update) { self->Updated(update); },
          .caught_up = [self] { self->Write(); },
          .ended = [self](const absl::Status& status) { self->Ended(status); }});
  SetTimer();
}

void EventStream::Updated(const v1::WatchUpdate& update) {
  if (over_) return;
  for (const v1::TaskId& task : update.event().layer_started().tasks()) tasks_[task.index()] = task;
  const EventText text = EventTextOf(update, tasks_);
  if (update.has_event()) absl::StrAppend(&gathered_, "id: ", update.event().sequence(), "\n");
  absl::StrAppend(&gathered_, "event: ", text.name, "\ndata: ", text.json, "\n\n");
  if (gathered_.size() >= kPieceBytes) Write();
}

void EventStream::Ended(const absl::Status& status) {
  if (over_) return;
  Write();
  if (!reply_->streaming()) {
    if (status.ok()) {
      reply_->Send(HttpResponse(204));
    } else {
      reply_->SendError(ErrorOfStatus(status));
    }
  } else if (status.ok()) {
    reply_->End();
  } else {
    const ApiError error = ErrorOfStatus(status);
    absl::StrAppend(&gathered_, "event: error\ndata: ", ErrorJson(error), "\n\n");
    Write();
    reply_->End(error.status);
  }
  Close();
}

void EventStream::Write() {
  if (over_ || gathered_.empty()) return;
  reply_->StartStream();
  // Its memory goes, too: a stream that was told much may then be idle for long.
  reply_->Write(std::exchange(gathered_, {}));
  written_at_ = Loop::Now();
}

void EventStream::SetTimer() {
  timer_ =
      coordinators_.loop().CallAt(written_at_ + options_.keep_alive, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self == nullptr || self->over_) return;
        self->timer_ = 0;
        if (Loop::Now() - self->written_at_ >= self->options_.keep_alive) {
          self->gathered_ = ": keep-alive\n\n";
          self->Write();
        }
        self->SetTimer();
      });
}

void EventStream::Close() {
  over_ = true;
  if (timer_ != 0) coordinators_.loop().CancelTimer(std::exchange(timer_, 0));
  // Not here: it may be the watch that has called. It holds the last reference.
  coordinators_.loop().Post([self = shared_from_this()] { self->watch_.reset(); });
}

}  // namespace moa::gateway
