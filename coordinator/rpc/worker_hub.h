#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "coordinator/rpc/worker_session.h"
#include "coordinator/runtime/coordinator.h"
#include "moa/v1/worker.grpc.pb.h"

namespace moa {

// The service that workers connect to (proto/moa/v1/worker.proto is its specification): one session a
// stream, known by a number.
//
// Owner: main; registered with a server, which is shut down before this is destroyed, and Stop called after
// that. Connect, Receive and Closed on any thread; sessions live on the coordinator's loop.
class WorkerHub final : public v1::WorkerHub::CallbackService {
 public:
  // `coordinator` is borrowed for the hub's life.
  explicit WorkerHub(Coordinator& coordinator);

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage>* Connect(
      grpc::CallbackServerContext* context) override;

  // Ends every stream; workers hold on to their attempts and dial again.
  void CloseAll(absl::string_view reason);

  // From the streams.
  void Receive(uint64_t session, v1::WorkerMessage message);
  void Closed(uint64_t session);

 private:
  void Tick() ABSL_EXCLUSIVE_LOCKS_REQUIRED(coordinator_.loop());

  Coordinator& coordinator_;
  const std::string coordinator_id_;
  std::atomic<uint64_t> next_session_{1};
  std::map<uint64_t, std::unique_ptr<WorkerSession>> sessions_ ABSL_GUARDED_BY(coordinator_.loop());
};

}  // namespace moa
