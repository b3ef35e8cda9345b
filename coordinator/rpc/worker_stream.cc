#include "coordinator/rpc/worker_stream.h"

#include <string>
#include <utility>

#include "coordinator/rpc/worker_hub.h"

namespace moa {
namespace {

// A worker that has not read this much is not reading at all.
constexpr size_t kOutletBytesMax = 512u << 20;
// Bytes of one batch: well under the 64 MiB that the worker takes.
constexpr size_t kBatchBytesMax = 16u << 20;

}  // namespace

void WorkerOutlet::Send(std::vector<v1::CoordinatorMessage>* messages) {
  MutexLock lock(mutex_);
  if (stream_ == nullptr || closing_) return messages->clear();
  for (v1::CoordinatorMessage& message : *messages) {
    queued_bytes_ += message.ByteSizeLong();
    queue_.push_back(std::move(message));
  }
  messages->clear();
  if (queued_bytes_ > kOutletBytesMax) {
    queue_.clear();
    closing_ = true;
    status_ = {grpc::StatusCode::RESOURCE_EXHAUSTED, "this worker does not read its stream"};
  }
  Step();
}

void WorkerOutlet::Close(absl::string_view reason) {
  MutexLock lock(mutex_);
  if (stream_ == nullptr || closing_) return;
  closing_ = true;
  status_ = {grpc::StatusCode::UNAVAILABLE, std::string(reason)};
  Step();
}

void WorkerOutlet::Step() {
  if (writing_ || finished_) return;
  if (queue_.empty()) {
    if (!closing_) return;
    finished_ = true;
    stream_->Finish(status_);
    return;
  }
  current_.Clear();
  size_t taken = 0;
  size_t bytes = 0;
  while (taken < queue_.size() && (taken == 0 || bytes < kBatchBytesMax)) {
    bytes += queue_[taken++].ByteSizeLong();
  }
  queued_bytes_ -= bytes;
  if (taken == 1) {
    current_ = std::move(queue_.front());
  } else {
    for (size_t i = 0; i < taken; ++i) {
      *current_.mutable_batch()->add_messages() = std::move(queue_[i]);
    }
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(taken));
  writing_ = true;
  stream_->StartWrite(&current_);
}

void WorkerOutlet::OnWriteDone(bool ok) {
  MutexLock lock(mutex_);
  writing_ = false;
  if (!ok) {
    queue_.clear();
    closing_ = true;
  }
  Step();
}

void WorkerOutlet::Detach() {
  MutexLock lock(mutex_);
  stream_ = nullptr;
}

WorkerStream::WorkerStream(WorkerHub& hub, uint64_t session, std::shared_ptr<WorkerOutlet> outlet)
    : hub_(hub), session_(session), outlet_(std::move(outlet)) {
  {
    MutexLock lock(outlet_->mutex_);
    outlet_->stream_ = this;
  }
  StartRead(&incoming_);
}

void WorkerStream::OnReadDone(bool ok) {
  if (!ok) {
    outlet_->Close("the worker has ended the stream");
    return;
  }
  hub_.Receive(session_, std::move(incoming_));
  incoming_.Clear();
  StartRead(&incoming_);
}

void WorkerStream::OnCancel() { outlet_->Close("the connection was lost"); }

void WorkerStream::OnDone() {
  outlet_->Detach();  // waits for whoever is inside it
  hub_.Closed(session_);
  delete this;
}

}  // namespace moa
