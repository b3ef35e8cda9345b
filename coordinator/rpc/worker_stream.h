#pragma once

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/loop/mutex.h"
#include "moa/v1/worker.pb.h"

namespace moa {

class WorkerHub;

// The writing end of one worker's stream. Messages that wait while a write is under way go out together as
// one batch. Bounded: a worker that does not read has its stream ended.
//
// Two owners: the session and the stream's reactor; it outlives whichever goes first. Thread-safe.
class WorkerOutlet {
 public:
  // Moves the messages out of `messages`, in order. What is sent after the end is dropped.
  void Send(std::vector<v1::CoordinatorMessage>* messages);
  // Ends the stream after what has been sent. Idempotent.
  void Close(absl::string_view reason);

 private:
  friend class WorkerStream;
  void Step() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnWriteDone(bool ok);
  void Detach();

  Mutex mutex_;
  class WorkerStream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;  // null once gRPC is done with it
  std::vector<v1::CoordinatorMessage> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::CoordinatorMessage current_ ABSL_GUARDED_BY(mutex_);  // being written while writing_
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
};

// The reactor of one WorkerHub.Connect call: posts what arrives to the hub's loop and decides nothing.
// Owner: gRPC, until OnDone.
class WorkerStream final
    : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage> {
 public:
  WorkerStream(WorkerHub& hub, uint64_t session, std::shared_ptr<WorkerOutlet> outlet);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override { outlet_->OnWriteDone(ok); }
  void OnCancel() override;
  void OnDone() override;

 private:
  friend class WorkerOutlet;

  WorkerHub& hub_;
  const uint64_t session_;
  const std::shared_ptr<WorkerOutlet> outlet_;
  v1::WorkerMessage incoming_;  // gRPC writes it between StartRead and OnReadDone
};

}  // namespace moa
