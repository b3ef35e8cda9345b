#pragma once

#include <grpcpp/server.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/loop/mutex.h"
#include "moa/v1/worker.grpc.pb.h"

namespace moa::worker {

// One worker's stream as the fake coordinator has it. Tests send what they like and read what came; waits
// give up (and fail the test) after 20 s. Heartbeats are counted, not queued. Thread-safe.
class HubSession {
 public:
  using Stream = grpc::ServerReaderWriter<v1::CoordinatorMessage, v1::WorkerMessage>;

  HubSession(grpc::ServerContext& context, Stream& stream, std::string coordinator_id)
      : coordinator_id_(std::move(coordinator_id)), context_(&context), stream_(&stream) {}

  const v1::Hello& hello() const { return hello_; }
  int heartbeats() const;

  void Send(const v1::CoordinatorMessage& message);
  void Welcome(const std::vector<v1::AttemptRef>& keep = {},
               absl::Duration silence_limit = absl::Seconds(30));
  void Run(const v1::RunTask& task);
  void Cancel(const v1::AttemptRef& ref);
  void Durable(const v1::AttemptRef& ref);
  void Undecided(const std::vector<v1::AttemptRef>& refs);  // a Welcome that keeps nothing
  void Claim(const v1::AttemptRef& ref);
  void ConfirmSlots(uint32_t slots);
  void Demand(uint32_t waiting);

  // The next message of any kind but heartbeats.
  v1::WorkerMessage Next();
  // The next result, alone or from a batch; deltas and statuses before it are dropped.
  v1::AttemptFinished NextFinished();
  // The next status; everything before it is dropped.
  v1::WorkerStatus NextStatus();
  // The next offer, and status that says so many slots; everything before it is dropped.
  v1::OfferAttempts NextOffer();
  void WaitForSlots(uint32_t slots);
  // The worker ended the stream, or it broke.
  bool WaitUntilEnded();

  // Ends the stream with an error.
  void Break();

 private:
  friend class FakeHub;
  void ReadAll();

  const std::string coordinator_id_;
  mutable Mutex mutex_;
  CondVar changed_;
  grpc::ServerContext* context_ ABSL_GUARDED_BY(mutex_);  // null once the stream has ended
  Stream* stream_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::WorkerMessage> received_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::AttemptFinished> batch_;  // the test's thread only: rest of a batch
  int heartbeats_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  v1::Hello hello_;
};

// A coordinator that does only what tests tell it: a real gRPC server on 127.0.0.1, or another address of this host.
class FakeHub : private v1::WorkerHub::Service {
 public:
  // `port` 0: any; else the port of a hub that is gone, as after a restart. `coordinator_id`: what Welcome says, an id of
  // its own unless another hub is to be taken for the same coordinator.
  explicit FakeHub(int port = 0, const std::string& host = "127.0.0.1",
                   const std::string& coordinator_id = "");
  ~FakeHub() override;

  int port() const { return port_; }
  std::string address() const;
  // For sessions that begin from now on.
  void set_coordinator_id(const std::string& id);
  // The next worker that connected and said Hello.
  std::shared_ptr<HubSession> NextSession();
  // The same without a limit of its own: nullptr when none came in that time.
  std::shared_ptr<HubSession> NextSession(absl::Duration limit);

 private:
  grpc::Status Connect(grpc::ServerContext* context, HubSession::Stream* stream) override;

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::shared_ptr<HubSession>> sessions_ ABSL_GUARDED_BY(mutex_);
  std::string coordinator_id_ ABSL_GUARDED_BY(mutex_);
  const std::string host_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace moa::worker
