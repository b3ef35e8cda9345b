#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "common/loop/loop.h"
#include "common/loop/mutex.h"
#include "moa/v1/worker.grpc.pb.h"

namespace moa::worker {

// One Connect stream: it moves messages between gRPC's threads and the loop and decides nothing.
//
// At most one write is in flight; reading pauses while kInboxMax messages wait for the loop, so that a
// coordinator that sends faster than the worker handles meets TCP's back-pressure.
//
// Owner: itself. It frees itself in OnDone, which cannot come before Release; after `ended` was called, or
// after Release, its creator must not touch it. Open, Write, CloseWrites and Release are for the loop's
// thread; the callbacks come there too, never from inside those calls.
class HubStream final : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage> {
 public:
  struct Callbacks {
    // Messages in the order in which they came; the vector is the callee's to empty.
    std::function<void(std::vector<v1::CoordinatorMessage>& messages)> received;
    std::function<void()> written;
    // No message will come any more: call Release.
    std::function<void()> broken;
    // The last callback, after Release: why the stream ended. The stream is gone.
    std::function<void(absl::Status status)> ended;
  };

  // Starts the call. `loop` and what the callbacks capture outlive `ended`.
  static HubStream* Open(v1::WorkerHub::Stub& stub, Loop& loop, Callbacks callbacks);

  // REQUIRES: no write in flight (`written` has come for the last one).
  void Write(v1::WorkerMessage message);
  // Says that no further message will come. REQUIRES: as Write.
  void CloseWrites() { StartWritesDone(); }
  // Cancels what is still going on and lets go of the stream.
  void Release();

 private:
  static constexpr size_t kInboxMax = 256;

  HubStream(Loop& loop, Callbacks callbacks) : loop_(loop), callbacks_(std::move(callbacks)) {}

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  void Deliver();  // on the loop

  Loop& loop_;
  Callbacks callbacks_;
  grpc::ClientContext context_;
  v1::CoordinatorMessage incoming_;  // the read in flight
  v1::WorkerMessage outgoing_;       // the write in flight

  Mutex mutex_;
  std::vector<v1::CoordinatorMessage> inbox_ ABSL_GUARDED_BY(mutex_);
  bool delivery_posted_ ABSL_GUARDED_BY(mutex_) = false;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;  // no read in flight, because the inbox is full
  bool released_ = false;                        // loop only
};

}  // namespace moa::worker
