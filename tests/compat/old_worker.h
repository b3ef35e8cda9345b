#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "common/loop/mutex.h"
#include "moa/v1/worker.grpc.pb.h"

namespace moa::compat {

// One stream of a worker of the previous release: it answers each task after a while and knows neither offers nor claims
// nor grants nor demand. It says Hello once and does not dial again. Thread-safe.
class OldWorker {
 public:
  struct Options {
    std::string id = "old";
    uint32_t slots = 4;
    absl::Duration call = absl::Milliseconds(50);  // how long each takes
  };

  OldWorker(const std::string& address, Options options);
  ~OldWorker();
  OldWorker(const OldWorker&) = delete;
  OldWorker& operator=(const OldWorker&) = delete;

  int runs() const;         // tasks so far
  int running() const;      // now
  int running_max() const;  // ever at once

 private:
  struct Call {
    v1::RunTask task;
    absl::Time ends;
    bool cancelled = false;
  };

  void ReadAll();
  void Take(const v1::CoordinatorMessage& message);
  void Answer();
  void Send(const v1::WorkerMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const std::unique_ptr<v1::WorkerHub::Stub> stub_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>>
      stream_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Call> calls_ ABSL_GUARDED_BY(mutex_);
  int runs_ ABSL_GUARDED_BY(mutex_) = 0;
  int running_max_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread reader_;  // last: they use all of the above
  std::jthread answerer_;
};

}  // namespace moa::compat
