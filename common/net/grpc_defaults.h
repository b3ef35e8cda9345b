#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/net/address.h"

namespace moa {

// The largest message either side takes: a job or a prompt of several MiB and room to spare.
inline constexpr int kMessageBytesMax = 64 << 20;

// What every server of ours wants: no port shared with another process (gRPC's default lets two servers
// bind one port), message sizes, keepalive, and tolerance for the clients' pings.
void SetServerDefaults(grpc::ServerBuilder& builder);

// What every channel of ours wants: reconnect after 100 ms to 2 s (gRPC's default backs off to 120 s),
// keepalive while calls are open, message sizes.
grpc::ChannelArguments ChannelDefaults();

// A channel to one address of a name, for who dials each address of it: `address.host` is an IP address, `name` is
// HOST:PORT, is sent as the authority, and its host is what the server's certificate has to be for. Connects directly:
// a proxy would be asked for the address, which the exceptions in no_proxy do not name.
std::shared_ptr<grpc::Channel> CreateChannelTo(
    const Address& address, const std::string& name,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials, grpc::ChannelArguments arguments);

struct RunningServer {
  std::unique_ptr<grpc::Server> server;
  Address address;  // with the port that was bound
};

// Adds the listening port to `builder` and starts. Unavailable names the address when it cannot be bound
// (taken, not of this host, no right).
absl::StatusOr<RunningServer> StartServer(
    grpc::ServerBuilder& builder, const Address& address,
    const std::shared_ptr<grpc::ServerCredentials>& credentials);

}  // namespace moa
