#include "common/net/grpc_defaults.h"

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/create_channel.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace moa {
namespace {

// A peer that vanished without a FIN (power, network) is noticed after this and the timeout.
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// Below the clients' keepalive: a server that thinks pings too frequent closes the connection.
constexpr int kMinPingIntervalMs = 5'000;
constexpr int kReconnectMinMs = 100;
// gRPC calls this the minimum backoff, but it is how long one attempt (TCP, TLS) may take.
constexpr int kConnectTimeoutMs = 5'000;
constexpr int kReconnectMaxMs = 2'000;

}  // namespace

void SetServerDefaults(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  builder.SetMaxSendMessageSize(kMessageBytesMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

grpc::ChannelArguments ChannelDefaults() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMinMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMaxMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  return arguments;
}

std::shared_ptr<grpc::Channel> CreateChannelTo(
    const Address& address, const std::string& name,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    grpc::ChannelArguments arguments) {
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, name);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const bool is_v6 = absl::StrContains(address.host, ':');
  // Brackets, and the '%' before a zone, may not stand in a URI as they are.
  const std::string target =
      absl::StrReplaceAll(address.ToString(), {{"%", "%25"}, {"[", "%5B"}, {"]", "%5D"}});
  return grpc::CreateCustomChannel(absl::StrCat(is_v6 ? "ipv6:" : "ipv4:", target), credentials,
                                   arguments);
}

absl::StatusOr<RunningServer> StartServer(
    grpc::ServerBuilder& builder, const Address& address,
    const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  int port = 0;
  builder.AddListeningPort(address.ToString(), credentials, &port);
  RunningServer running;
  running.server = builder.BuildAndStart();
  if (running.server == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address.ToString(),
                     ": the port is taken, or the address is not one of this machine's"));
  }
  running.address = {address.host, static_cast<uint16_t>(port)};
  return running;
}

}  // namespace moa
