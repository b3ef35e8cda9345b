#include "worker/rpc/hub_stream.h"

#include <utility>

#include "common/net/status_convert.h"

namespace moa::worker {

HubStream* HubStream::Open(v1::WorkerHub::Stub& stub, Loop& loop, Callbacks callbacks) {
  auto* stream = new HubStream(loop, std::move(callbacks));
  stub.async()->Connect(&stream->context_, stream);
  // Writes start outside reactions: the hold keeps OnDone away until Release.
  stream->AddHold();
  stream->StartRead(&stream->incoming_);
  stream->StartCall();
  return stream;
}

void HubStream::Write(v1::WorkerMessage message) {
  outgoing_ = std::move(message);
  StartWrite(&outgoing_);
}

void HubStream::Release() {
  released_ = true;
  context_.TryCancel();
  RemoveHold();
}

void HubStream::OnReadDone(bool ok) {
  if (!ok) {
    // Behind any delivery that was posted before, so the last messages are not lost.
    loop_.Post([this] {
      if (!released_) callbacks_.broken();
    });
    return;
  }
  bool post = false;
  bool read_on = false;
  {
    MutexLock lock(mutex_);
    inbox_.push_back(std::move(incoming_));
    post = !std::exchange(delivery_posted_, true);
    read_on = inbox_.size() < kInboxMax;
    paused_ = !read_on;
    // Inside the lock: when paused, Deliver starts the next read into it.
    incoming_.Clear();
  }
  // Posting comes first: once the next read is started, another thread may be in here.
  if (post) loop_.Post([this] { Deliver(); });
  if (read_on) StartRead(&incoming_);
}

void HubStream::Deliver() {
  std::vector<v1::CoordinatorMessage> messages;
  bool resume = false;
  {
    MutexLock lock(mutex_);
    messages.swap(inbox_);
    delivery_posted_ = false;
    resume = std::exchange(paused_, false);
  }
  if (resume) StartRead(&incoming_);
  if (!released_) callbacks_.received(messages);
}

void HubStream::OnWriteDone(bool /*ok: a failed write breaks the reads too*/) {
  loop_.Post([this] {
    if (!released_) callbacks_.written();
  });
}

void HubStream::OnDone(const grpc::Status& status) {
  // Posted behind every task that names this stream, so none of them finds it gone.
  loop_.Post([this, ended = FromGrpcStatus(status)]() mutable {
    const Callbacks callbacks = std::move(callbacks_);
    delete this;
    callbacks.ended(std::move(ended));
  });
}

}  // namespace moa::worker
