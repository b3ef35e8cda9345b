#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "common/loop/mutex.h"
#include "coordinator/runtime/coordinator.h"
#include "coordinator/runtime/watch_sink.h"
#include "moa/v1/moa.pb.h"

namespace moa {

class Peers;
class WatchRoute;

// A sink that also takes what another coordinator's WatchJob has sent. False as WatchSink's.
class RelaySink : public WatchSink {
 public:
  virtual bool Relay(const v1::WatchJobResponse& response) = 0;
};

// One WatchJob call. What the coordinator pushes while a message is under way goes into the next one, as
// serialised bytes: a stored event is never parsed on its way out. What waits is bounded; a watcher that does
// not keep up gets RESOURCE_EXHAUSTED and comes back with its last sequence.
//
// Two owners: gRPC, until OnDone, and the coordinator's watch, until End or Unwatch; each through a
// shared_ptr to the state between them. Thread-safe.
class WatchStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  // `peers`, which may be null, as WatchRoute has it.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Start(Coordinator& coordinator, Peers* peers,
                                                           const JobId& id,
                                                           const WatchOptions& options);
  // A call that ends at once with `status`.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Refuse(const absl::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // The coordinator's end; outlives the reactor when the client leaves first.
  class Sink final : public RelaySink {
   public:
    explicit Sink(WatchStream* stream) : stream_(stream) {}
    bool Events(absl::Span<const Text> payloads) override;
    bool Started(const Plan& plan, uint32_t task, uint32_t attempt,
                 absl::string_view worker) override;
    bool Delta(const Plan& plan, const DeltaPiece& piece) override;
    void End(const absl::Status& status) override;
    bool Relay(const v1::WatchJobResponse& response) override;
    void Detach();

   private:
    bool Push(const v1::WatchUpdate& update);

    Mutex mutex_;                                  // before WatchStream::mutex_
    WatchStream* stream_ ABSL_GUARDED_BY(mutex_);  // null once gRPC is done with the call
  };

  WatchStream() = default;
  // False when the watch is over by other doing than the client's.
  bool PushUpdate(absl::string_view update) ABSL_LOCKS_EXCLUDED(mutex_);
  bool PushEvents(absl::Span<const Text> events) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether so many bytes more may wait; ends the watch when not.
  bool Admit(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool PushResponse(std::string response) ABSL_LOCKS_EXCLUDED(mutex_);
  // Queues a serialised WatchUpdate, given in two parts.
  bool Add(absl::string_view head, absl::string_view body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndWith(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  void Step() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after Start; null for a call that was refused.
  std::shared_ptr<Sink> sink_;
  std::shared_ptr<WatchRoute> route_;

  Mutex mutex_;
  std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);  // serialised WatchJobResponses
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  grpc::ByteBuffer current_ ABSL_GUARDED_BY(mutex_);  // gRPC's while writing_
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  // The client has left. What is pushed until the watch is taken back is thrown away, but the watch is not over for the
  // coordinator: its end by Unwatch is what cancels the job where that was asked for.
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moa
