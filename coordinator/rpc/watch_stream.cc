#include "coordinator/rpc/watch_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/convert/convert.h"
#include "coordinator/rpc/rpc_errors.h"
#include "coordinator/rpc/watch_route.h"

namespace moa {
namespace {

// What one watcher may fall behind: a job's whole history fits.
constexpr size_t kWaitingBytesMax = 64u << 20;
// A message that has grown to this takes no more: clients bound what they read.
constexpr size_t kWatchMessageBytesMax = 256u << 10;
constexpr int kUpdatesField = v1::WatchJobResponse::kUpdatesFieldNumber;

// What precedes a message of `size` bytes in field `number` (Protobuf's encoding: a tag, a varint).
void AppendTag(int number, size_t size, std::string* out) {
  constexpr int kLengthDelimited = 2;
  out->push_back(static_cast<char>((number << 3) | kLengthDelimited));
  for (; size >= 0x80; size >>= 7) out->push_back(static_cast<char>(size | 0x80));
  out->push_back(static_cast<char>(size));
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchStream::Start(Coordinator& coordinator,
                                                               Peers* peers, const JobId& id,
                                                               const WatchOptions& options) {
  auto* stream = new WatchStream();  // deletes itself in OnDone
  stream->sink_ = std::make_shared<Sink>(stream);
  stream->route_ = std::make_shared<WatchRoute>(coordinator, peers, id, options, stream->sink_);
  // The sink may end the call before this has returned, but OnDone waits until this method has.
  stream->route_->Start();
  return stream;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchStream::Refuse(const absl::Status& status) {
  auto* stream = new WatchStream();
  stream->EndWith(status);
  return stream;
}

bool WatchStream::PushUpdate(absl::string_view update) {
  MutexLock lock(mutex_);
  if (gone_) return true;
  const bool added = Add(update, {});
  Step();
  return added;
}

bool WatchStream::PushEvents(absl::Span<const Text> events) {
  MutexLock lock(mutex_);
  if (gone_) return true;
  bool added = true;
  for (const Text& event : events) {
    std::string head;
    AppendTag(v1::WatchUpdate::kEventFieldNumber, event.size(), &head);
    added = added && Add(head, event.view());
  }
  Step();
  return added;
}

bool WatchStream::Admit(size_t bytes) {
  if (ending_) return false;
  if (waiting_bytes_ + bytes <= kWaitingBytesMax) return true;
  ending_ = true;
  end_status_ = ToClientStatus(absl::ResourceExhaustedError(
      "this watcher reads too slowly: watch again from the last sequence it has seen"));
  // The watcher gets it again when it comes back.
  waiting_.clear();
  return false;
}

bool WatchStream::PushResponse(std::string response) {
  MutexLock lock(mutex_);
  if (gone_) return true;
  const bool added = Admit(response.size());
  if (added) {
    waiting_bytes_ += response.size();
    waiting_.push_back(std::move(response));
  }
  Step();
  return added;
}

bool WatchStream::Add(absl::string_view head, absl::string_view body) {
  if (!Admit(head.size() + body.size())) return false;
  if (waiting_.empty() || waiting_.back().size() >= kWatchMessageBytesMax) waiting_.emplace_back();
  std::string& message = waiting_.back();
  const size_t before = message.size();
  AppendTag(kUpdatesField, head.size() + body.size(), &message);
  absl::StrAppend(&message, head, body);
  waiting_bytes_ += message.size() - before;
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
  if (!waiting_.empty()) {
    writing_ = true;
    const grpc::Slice slice(waiting_.front());
    current_ = grpc::ByteBuffer(&slice, 1);
    waiting_bytes_ -= waiting_.front().size();
    waiting_.pop_front();
    StartWrite(&current_);
  } else if (ending_) {
    finished_ = true;
    Finish(end_status_);
  }
}

void WatchStream::OnWriteDone(bool ok) {
  MutexLock lock(mutex_);
  writing_ = false;
  if (!ok) {
    gone_ = gone_ || !ending_;
    waiting_.clear();
    ending_ = true;
    end_status_ = grpc::Status::CANCELLED;
  }
  Step();
}

void WatchStream::OnCancel() {
  MutexLock lock(mutex_);
  if (ending_) return;
  gone_ = true;
  ending_ = true;
  end_status_ = grpc::Status::CANCELLED;
  waiting_.clear();
  Step();
}

void WatchStream::OnDone() {
  if (sink_ != nullptr) {
    sink_->Detach();
    route_->Detach();
  }
  // Whoever called Finish may still be inside Step: wait until it has let go.
  { MutexLock lock(mutex_); }
  delete this;
}

bool WatchStream::Sink::Push(const v1::WatchUpdate& update) {
  const std::string bytes = update.SerializeAsString();
  MutexLock lock(mutex_);
  return stream_ == nullptr || stream_->PushUpdate(bytes);
}

bool WatchStream::Sink::Events(absl::Span<const Text> payloads) {
  MutexLock lock(mutex_);
  return stream_ == nullptr || stream_->PushEvents(payloads);
}

bool WatchStream::Sink::Started(const Plan& plan, uint32_t task, uint32_t attempt,
                                absl::string_view worker) {
  v1::WatchUpdate update;
  v1::TaskStarted* started = update.mutable_task_started();
  TaskIdToProto(plan, task, started->mutable_task());
  started->set_attempt(attempt);
  started->set_worker(worker.data(), worker.size());
  return Push(update);
}

bool WatchStream::Sink::Delta(const Plan& plan, const DeltaPiece& piece) {
  v1::WatchUpdate update;
  v1::TaskDelta* delta = update.mutable_task_delta();
  TaskIdToProto(plan, piece.task, delta->mutable_task());
  delta->set_attempt(piece.attempt);
  delta->set_content_offset(piece.content_offset);
  delta->set_content(piece.content.view().data(), piece.content.size());
  delta->set_reasoning_offset(piece.reasoning_offset);
  delta->set_reasoning(piece.reasoning.view().data(), piece.reasoning.size());
  return Push(update);
}

bool WatchStream::Sink::Relay(const v1::WatchJobResponse& response) {
  std::string bytes = response.SerializeAsString();
  MutexLock lock(mutex_);
  return stream_ == nullptr || stream_->PushResponse(std::move(bytes));
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
