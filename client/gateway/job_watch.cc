#include "client/gateway/job_watch.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <utility>

#include "client/lib/moa_client.h"

namespace moa::gateway {
namespace {

constexpr absl::Duration kReconnectMin = absl::Milliseconds(100);
constexpr absl::Duration kReconnectMax = absl::Seconds(2);
// A call that stood for so long was connected, even if nothing happened to the job meanwhile.
constexpr absl::Duration kStood = absl::Seconds(5);

// The coordinator went away, or found this watcher too slow.
bool MayReconnect(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kResourceExhausted ||
         code == absl::StatusCode::kCancelled;
}

}  // namespace

// One call. Owner: itself; it frees itself on the loop after OnDone, which cannot come before Release.
class WatchCall final : public grpc::ClientReadReactor<v1::WatchJobResponse> {
 public:
  static WatchCall* Open(Coordinators& coordinators, size_t index,
                         const v1::WatchJobRequest& request, JobWatch* owner) {
    auto* call = new WatchCall(coordinators, request, owner);
    coordinators.Entered(&call->context_);
    coordinators.stub(index).async()->WatchJob(&call->context_, &call->request_, call);
    // Reads are started outside of reactions.
    call->AddHold();
    call->StartRead(&call->response_);
    call->StartCall();
    return call;
  }

  // Ends the call; its owner hears no more of it.
  void Abandon() {
    owner_ = nullptr;
    context_.TryCancel();
    Release();
  }

 private:
  WatchCall(Coordinators& coordinators, v1::WatchJobRequest request, JobWatch* owner)
      : coordinators_(coordinators),
        loop_(coordinators.loop()),
        request_(std::move(request)),
        owner_(owner) {}

  void Release() {
    if (!std::exchange(released_, true)) RemoveHold();
  }

  void OnReadDone(bool ok) override {
    loop_.Post([this, ok] {
      if (!ok) return Release();
      if (owner_ != nullptr) owner_->Received(response_);
      if (owner_ == nullptr) return;
      response_.Clear();
      StartRead(&response_);
    });
  }

  void OnDone(const grpc::Status& status) override {
    // Posted behind every task that names this call.
    loop_.Post([this, status] {
      coordinators_.Left(&context_);
      JobWatch* const owner = owner_;
      delete this;
      if (owner != nullptr) owner->Broken(status);
    });
  }

  Coordinators& coordinators_;
  Loop& loop_;
  grpc::ClientContext context_;
  const v1::WatchJobRequest request_;
  v1::WatchJobResponse response_;  // gRPC's while a read is under way
  JobWatch* owner_;                // loop only, as the next
  bool released_ = false;
};

JobWatch::JobWatch(Coordinators& coordinators, Options options, Callbacks callbacks)
    : coordinators_(coordinators),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      connected_at_(Loop::Now()) {
  Connect();
}

JobWatch::~JobWatch() {
  if (call_ != nullptr) call_->Abandon();
  if (timer_ != 0) coordinators_.loop().CancelTimer(timer_);
}

void JobWatch::Connect() {
  timer_ = 0;
  if (coordinators_.closing()) {
    return End(absl::UnavailableError("the gateway is shutting down"));
  }
  v1::WatchJobRequest request;
  request.set_job_id(options_.job_id);
  request.set_after_sequence(options_.after_sequence);
  request.set_progress(options_.progress);
  request.set_answer_only(options_.answer_only);
  request.set_cancel_on_disconnect(options_.cancel_on_disconnect);
  heard_ = false;
  asked_ = coordinators_.current();
  opened_at_ = Loop::Now();
  call_ = WatchCall::Open(coordinators_, asked_, request, this);
}

void JobWatch::Received(const v1::WatchJobResponse& response) {
  heard_ = true;
  pause_ = absl::ZeroDuration();
  connected_at_ = Loop::Now();
  for (const v1::WatchUpdate& update : response.updates()) {
    if (over_) return;
    if (update.has_event()) {
      if (update.event().sequence() <= options_.after_sequence) continue;
      options_.after_sequence = update.event().sequence();
    }
    callbacks_.updated(update);
    if (update.event().has_ended()) End(absl::OkStatus());
  }
  if (!over_ && callbacks_.caught_up != nullptr) callbacks_.caught_up();
}

void JobWatch::Broken(const grpc::Status& status) {
  call_ = nullptr;
  heard_ = false;
  if (over_) return;
  // The coordinator ends a watch with OK only after the job's last event, which may have been seen long before.
  if (status.ok()) return End(absl::OkStatus());
  const absl::Status explained = coordinators_.Explained(status, asked_);
  if (!MayReconnect(explained.code()) || coordinators_.closing()) return End(explained);
  if (explained.code() != absl::StatusCode::kResourceExhausted) coordinators_.MoveOn(asked_);
  pause_ = std::clamp(pause_ * 2, kReconnectMin, kReconnectMax);
  pause_ = std::max(pause_, RetryDelayOf(explained).value_or(absl::ZeroDuration()));
  const absl::Time now = Loop::Now();
  if (now - opened_at_ >= kStood) connected_at_ = now;
  const absl::Time next = now + pause_;
  if (next - connected_at_ >= options_.reconnect_for) return End(explained);
  timer_ = coordinators_.loop().CallAt(next, [this] { Connect(); });
}

void JobWatch::End(const absl::Status& status) {
  over_ = true;
  callbacks_.ended(status);
}

}  // namespace moa::gateway
