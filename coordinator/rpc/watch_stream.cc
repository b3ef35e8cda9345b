#include "coordinator/rpc/watch_stream.h"

#include <utility>

#include "coordinator/convert/convert.h"
#include "coordinator/rpc/rpc_errors.h"

namespace moa {
namespace {

// What one watcher may fall behind: a job's whole history fits the first, a burst of deltas the second.
constexpr size_t kQueuedBytesMax = 64u << 20;
constexpr size_t kQueuedMessagesMax = 16 * 1024;

}  // namespace

grpc::ServerWriteReactor<v1::WatchJobResponse>* WatchStream::Start(Coordinator& coordinator,
                                                                   const JobId& id,
                                                                   uint64_t after_sequence,
                                                                   bool progress) {
  auto* stream = new WatchStream();  // deletes itself in OnDone
  stream->coordinator_ = &coordinator;
  stream->sink_ = std::make_shared<Sink>(stream);
  // The sink may end the call before Watch has returned, but OnDone waits until this method has.
  stream->watch_ = coordinator.Watch(id, after_sequence, progress, stream->sink_);
  return stream;
}

grpc::ServerWriteReactor<v1::WatchJobResponse>* WatchStream::Refuse(const absl::Status& status) {
  auto* stream = new WatchStream();
  stream->EndWith(status);
  return stream;
}

bool WatchStream::Push(v1::WatchJobResponse message, size_t bytes) {
  MutexLock lock(mutex_);
  if (ending_) return false;
  if (queued_bytes_ + bytes > kQueuedBytesMax || queue_.size() >= kQueuedMessagesMax) {
    ending_ = true;
    end_status_ = ToClientStatus(absl::ResourceExhaustedError(
        "this watcher reads too slowly: watch again from the last sequence it has seen"));
    // What is not on its way is dropped: the watcher gets it again when it comes back.
    queue_.erase(queue_.begin() + (writing_ ? 1 : 0), queue_.end());
    Step();
    return false;
  }
  queued_bytes_ += bytes;
  queue_.push_back({std::move(message), bytes});
  Step();
  return true;
}

void WatchStream::EndWith(const absl::Status& status) {
  MutexLock lock(mutex_);
  if (ending_) return;
  ending_ = true;
  end_status_ = ToClientStatus(status);
  Step();
}

void WatchStream::Step() {
  if (writing_ || finished_) return;
  if (!queue_.empty()) {
    writing_ = true;
    // While more is waiting, the transport need not send each message on its own.
    grpc::WriteOptions options;
    if (queue_.size() > 1) options.set_buffer_hint();
    StartWrite(&queue_.front().message, options);
  } else if (ending_) {
    finished_ = true;
    Finish(end_status_);
  }
}

void WatchStream::OnWriteDone(bool ok) {
  MutexLock lock(mutex_);
  writing_ = false;
  queued_bytes_ -= queue_.front().bytes;
  queue_.pop_front();
  if (!ok) {
    queue_.clear();
    ending_ = true;
    end_status_ = grpc::Status::CANCELLED;
  }
  Step();
}

void WatchStream::OnCancel() {
  MutexLock lock(mutex_);
  if (ending_) return;
  ending_ = true;
  end_status_ = grpc::Status::CANCELLED;
  if (!writing_) queue_.clear();
  Step();
}

void WatchStream::OnDone() {
  if (sink_ != nullptr) {
    sink_->Detach();
    coordinator_->Unwatch(watch_);
  }
  // Whoever called Finish may still be inside Step: wait until it has let go.
  { MutexLock lock(mutex_); }
  delete this;
}

bool WatchStream::Sink::Push(v1::WatchJobResponse message, size_t bytes) {
  MutexLock lock(mutex_);
  return stream_ != nullptr && stream_->Push(std::move(message), bytes);
}

bool WatchStream::Sink::Event(const Text& payload) {
  v1::WatchJobResponse message;
  message.mutable_event()->ParseFromArray(payload.view().data(), static_cast<int>(payload.size()));
  return Push(std::move(message), payload.size());
}

bool WatchStream::Sink::Started(const Plan& plan, uint32_t task, uint32_t attempt,
                                absl::string_view worker) {
  v1::WatchJobResponse message;
  v1::TaskStarted* started = message.mutable_task_started();
  TaskIdToProto(plan, task, started->mutable_task());
  started->set_attempt(attempt);
  started->set_worker(worker.data(), worker.size());
  return Push(std::move(message), 128);
}

bool WatchStream::Sink::Delta(const Plan& plan, const DeltaPiece& piece) {
  v1::WatchJobResponse message;
  v1::TaskDelta* delta = message.mutable_task_delta();
  TaskIdToProto(plan, piece.task, delta->mutable_task());
  delta->set_attempt(piece.attempt);
  delta->set_content_offset(piece.content_offset);
  delta->set_content(piece.content.view().data(), piece.content.size());
  delta->set_reasoning_offset(piece.reasoning_offset);
  delta->set_reasoning(piece.reasoning.view().data(), piece.reasoning.size());
  return Push(std::move(message), 128 + piece.content.size() + piece.reasoning.size());
}

void WatchStream::Sink::End(const absl::Status& status) {
  MutexLock lock(mutex_);
  if (stream_ != nullptr) stream_->EndWith(status);
}

void WatchStream::Sink::Detach() {
  MutexLock lock(mutex_);
  stream_ = nullptr;
}

}  // namespace moa
