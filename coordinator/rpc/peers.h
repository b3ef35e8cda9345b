#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/server_callback.h>

#include <map>
#include <memory>
#include <string>

#include "common/loop/mutex.h"
#include "moa/v1/moa.grpc.pb.h"

namespace moa {

// The other coordinators, as clients of theirs: requests that only a job's owner can answer are passed on to it.
// Owner: main. Thread-safe.
class Peers {
 public:
  explicit Peers(std::shared_ptr<grpc::ChannelCredentials> credentials);

  // Connects when it is first used. The stub is kept as long as this object lives.
  v1::MoaService::Stub& At(const std::string& address) ABSL_LOCKS_EXCLUDED(mutex_);

  // Marks a request as passed on, with the client's deadline; it is not passed on twice.
  static void Mark(const grpc::CallbackServerContext& from, grpc::ClientContext* to);
  static void Mark(grpc::ClientContext* to);  // without a deadline
  static bool IsMarked(const grpc::CallbackServerContext& context);

 private:
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  Mutex mutex_;
  std::map<std::string, std::unique_ptr<v1::MoaService::Stub>> stubs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moa
