#pragma once

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "common/loop/mutex.h"

namespace grpc {
class HealthCheckServiceInterface;
}  // namespace grpc

namespace moa {

// The services that grpc.health.v1 answers for besides the program's own (""), for probes that should not mean the
// same:
//
//   liveness    SERVING as long as the process can answer: what is restarted when it is not
//   readiness   as /readyz: what gets no clients while it is not
//
// Owner: the composition root, which destroys it before the server. Thread-safe. `ready` is called every second on a
// thread of its own.
class HealthStates {
 public:
  HealthStates(grpc::HealthCheckServiceInterface& health, std::function<absl::Status()> ready);
  ~HealthStates();
  HealthStates(const HealthStates&) = delete;
  HealthStates& operator=(const HealthStates&) = delete;

  // From now on all but liveness say NOT_SERVING.
  void Drain();

 private:
  void Run();

  grpc::HealthCheckServiceInterface& health_;
  const std::function<absl::Status()> ready_;
  Mutex mutex_;
  CondVar changed_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace moa
