#include "client/gateway/program.h"

#include <atomic>
#include <memory>
#include <utility>

#include "client/gateway/access.h"
#include "client/gateway/coordinators.h"
#include "client/gateway/gateway.h"
#include "client/gateway/gateway_metrics.h"
#include "common/base/status_macros.h"
#include "common/http/http_server.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/loop/mutex.h"
#include "common/net/metrics_server.h"
#include "common/net/shutdown.h"

namespace moa::gateway {
namespace {

// Reading requests, which may be large, must not hold up the streams of others.
constexpr int kHttpThreads = 2;
// What waits for a client that does not read; more, and the connection is reset.
constexpr size_t kWriteQueueBytesMax = 4 << 20;

// Set once, when the server is to stop.
class Stopping {
 public:
  void Set() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    set_ = true;
    cond_.NotifyAll();
  }
  void Wait() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    while (!set_) cond_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar cond_;
  bool set_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::StatusOr<std::unique_ptr<Access>> MakeAccess(const GatewayOptions& options) {
  std::unique_ptr<TokenFile> tokens;
  if (!options.token_file.empty()) {
    MOA_ASSIGN_OR_RETURN(tokens, TokenFile::Open(options.token_file));
  }
  return std::make_unique<Access>(std::move(tokens), options.cors_origins);
}

absl::StatusOr<std::unique_ptr<HttpServer>> Serve(const GatewayOptions& options, Gateway& gateway) {
  HttpServerOptions http;
  http.listen = options.listen;
  http.threads = kHttpThreads;
  http.connections_max = static_cast<int>(options.max_connections);
  http.body_bytes_max = static_cast<size_t>(options.max_body_mib) << 20;
  http.write_queue_bytes_max = kWriteQueueBytesMax;
  http.header_timeout = options.header_timeout;
  http.body_timeout = options.body_timeout;
  http.idle_timeout = options.idle_timeout;
  http.write_timeout = options.write_timeout;
  http.error_response = Gateway::RefuseRequest;
  return HttpServer::Start(std::move(http),
                           [&gateway](const HttpRequest& request, HttpResponder responder) {
                             gateway.Handle(request, std::move(responder));
                           });
}

}  // namespace

absl::Status RunGateway(const GatewayOptions& options) {
  MOA_ASSIGN_OR_RETURN(const std::unique_ptr<Access> access, MakeAccess(options));
  const auto metrics = std::make_shared<GatewayMetrics>();
  Stopping stopping;
  Loop loop("moa-gateway");
  MOA_ASSIGN_OR_RETURN(
      const std::unique_ptr<Coordinators> coordinators,
      Coordinators::Create(loop, {.addresses = options.coordinators, .tls = options.tls}));
  Gateway gateway(*coordinators, *access, *metrics, {.keep_alive = options.keep_alive});
  std::atomic<bool> draining{false};
  MOA_ASSIGN_OR_RETURN(const std::unique_ptr<HttpServer> server, Serve(options, gateway));
  absl::StatusOr<std::unique_ptr<MetricsServer>> metrics_server =
      MetricsServer::Start({.listen = options.metrics_listen,
                            .metrics = {metrics},
                            .ready = [&coordinators, &draining]() -> absl::Status {
                              if (draining) return absl::UnavailableError("draining");
                              return coordinators->Reachable();
                            }});
  absl::Status status = metrics_server.status();
  if (status.ok()) {
    PrintListening("metrics", (*metrics_server)->address());
    PrintListening("http", server->address());
    ShutdownSignals signals([&] {
      draining = true;
      // Proxies that have not heard of it yet still send requests here.
      loop.Post(
          [&] { loop.CallAt(Loop::Now() + options.drain_delay, [&stopping] { stopping.Set(); }); });
    });
    stopping.Wait();
    server->Stop(options.drain_timeout);
    LogInfo("drained", {{"requests", server->stats().requests_total}});
  } else {
    server->Stop(absl::ZeroDuration());
  }
  // What was cut has been told to the loop; its calls are cancelled, and the loop ends before what its closures use.
  coordinators->Close();
  loop.Stop();
  return status;
}

}  // namespace moa::gateway
