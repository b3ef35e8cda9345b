#include "coordinator/rpc/watch_route.h"

#include <utility>

#include "absl/status/status.h"
#include "common/net/status_convert.h"

namespace moa {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(200);
// A job without an owner finds one within a lease and a moment; the client is told before it would give up itself.
constexpr absl::Duration kPatience = absl::Seconds(30);

}  // namespace

class WatchRoute::PeerStream final : public grpc::ClientReadReactor<v1::WatchJobResponse> {
 public:
  // Deletes itself once it has ended.
  PeerStream(std::shared_ptr<WatchRoute> route, v1::WatchJobRequest request)
      : route_(std::move(route)), request_(std::move(request)) {}

  void Open(v1::MoaService::Stub& stub) {
    Peers::Mark(&context_);
    stub.async()->WatchJob(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (!route_->OnResponse(response_)) return context_.TryCancel();
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override {
    route_->OnPeerEnded(FromGrpcStatus(status));
    delete this;
  }

 private:
  const std::shared_ptr<WatchRoute> route_;
  const v1::WatchJobRequest request_;
  grpc::ClientContext context_;
  v1::WatchJobResponse response_;
};

WatchRoute::WatchRoute(Coordinator& coordinator, Peers* peers, const JobId& id,
                       const WatchOptions& options, std::shared_ptr<RelaySink> sink)
    : coordinator_(coordinator),
      peers_(peers),
      id_(id),
      sink_(std::move(sink)),
      options_(options) {}

void WatchRoute::Start() {
  if (peers_ == nullptr) return WatchHere();
  Locate();
}

void WatchRoute::Detach() {
  MutexLock lock(mutex_);
  detached_ = true;
  if (peer_ != nullptr) peer_->Cancel();
  if (watched_here_) coordinator_.Unwatch(watch_);
}

void WatchRoute::Locate() {
  coordinator_.Locate(id_, [self = shared_from_this()](absl::StatusOr<std::string> where) {
    self->OnLocated(std::move(where));
  });
}

void WatchRoute::OnLocated(absl::StatusOr<std::string> where) {
  if (!where.ok()) return TryAgain(where.status());
  where->empty() ? WatchHere() : WatchThere(*where);
}

void WatchRoute::WatchHere() {
  MutexLock lock(mutex_);
  if (detached_) return;
  watched_here_ = true;
  watch_ = coordinator_.Watch(id_, options_, sink_);
}

void WatchRoute::WatchThere(const std::string& address) {
  PeerStream* stream = nullptr;
  {
    MutexLock lock(mutex_);
    if (detached_) return;
    v1::WatchJobRequest request;
    request.set_job_id(id_.value());
    request.set_after_sequence(options_.after_sequence);
    request.set_progress(options_.progress);
    request.set_cancel_on_disconnect(options_.cancel_on_disconnect);
    request.set_answer_only(options_.answer_only);
    stream = peer_ = new PeerStream(shared_from_this(), std::move(request));
  }
  stream->Open(peers_->At(address));
}

bool WatchRoute::OnResponse(const v1::WatchJobResponse& response) {
  {
    MutexLock lock(mutex_);
    if (detached_) return false;
    lost_ = absl::InfiniteFuture();
    for (const v1::WatchUpdate& update : response.updates()) {
      if (update.has_event()) options_.after_sequence = update.event().sequence();
    }
  }
  return sink_->Relay(response);
}

void WatchRoute::OnPeerEnded(const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    peer_ = nullptr;
    if (detached_) return;
  }
  // The owner has had too many watchers, or this one was too slow: the client's matter.
  if (status.ok() || absl::IsResourceExhausted(status)) return sink_->End(status);
  TryAgain(status);
}

void WatchRoute::TryAgain(const absl::Status& why) {
  const absl::Time now = Loop::Now();
  {
    MutexLock lock(mutex_);
    if (detached_) return;
    lost_ = std::min(lost_, now);
    if (absl::IsNotFound(why) || now >= lost_ + kPatience || coordinator_.draining()) {
      return sink_->End(why);
    }
  }
  coordinator_.loop().Post([self = shared_from_this(), at = now + kPause] {
    self->coordinator_.loop().AssertHeld();
    self->coordinator_.loop().CallAt(at, [self] { self->Locate(); });
  });
}

}  // namespace moa
