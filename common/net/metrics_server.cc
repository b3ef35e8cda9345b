#include "common/net/metrics_server.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/http/http_server.h"
#include "common/metrics/probes.h"

namespace moa {

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(Options options) {
  HttpServerOptions http;
  http.listen = options.listen;
  // Scrapers and probes: a handful of clients with small requests.
  http.header_bytes_max = 16 * 1024;
  http.body_bytes_max = 64 * 1024;
  http.connections_max = 256;
  Probes probes{.metrics = std::move(options.metrics), .ready = std::move(options.ready)};
  MOA_ASSIGN_OR_RETURN(
      std::unique_ptr<HttpServer> server,
      HttpServer::Start(std::move(http), [probes = std::move(probes)](const HttpRequest& request,
                                                                      HttpResponder responder) {
        responder.Send(AnswerProbe(request, probes));
      }));
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(server)));
}

MetricsServer::MetricsServer(std::unique_ptr<HttpServer> server) : server_(std::move(server)) {}
MetricsServer::~MetricsServer() = default;

const std::string& MetricsServer::address() const { return server_->address(); }

}  // namespace moa
