#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>

namespace moa {

// Asks the standard gRPC health service (grpc.health.v1) about the server as a whole. Its messages
// are one field each, so they are read and written here rather than by a copy of health.proto. OK:
// it serves. UNAVAILABLE: it answered that it does not. Blocks until the context's deadline at
// most.
grpc::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel,
                         grpc::ClientContext& context);

}  // namespace moa
