#include "common/net/metrics_server.h"

#include <prometheus/text_serializer.h>

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/http/http_server.h"
#include "common/net/process_metrics.h"

namespace moa {
namespace {

constexpr char kPlainText[] = "text/plain; charset=utf-8";
constexpr char kPrometheusText[] = "text/plain; version=0.0.4; charset=utf-8";

HttpResponse Scrape(const MetricsServer::Options& options) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& collectable : options.metrics) {
    std::vector<prometheus::MetricFamily> more = collectable->Collect();
    std::move(more.begin(), more.end(), std::back_inserter(families));
  }
  return HttpResponse(200, kPrometheusText, prometheus::TextSerializer().Serialize(families));
}

HttpResponse AnswerProbe(const HttpRequest& request, const MetricsServer::Options& options) {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse refused(405, kPlainText, "only GET and HEAD are answered here\n");
    refused.AddHeader("Allow", "GET, HEAD");
    return refused;
  }
  if (request.path == "/metrics") return Scrape(options);
  if (request.path == "/healthz") return HttpResponse(200, kPlainText, "ok\n");
  if (request.path == "/readyz") {
    const absl::Status status = options.ready ? options.ready() : absl::OkStatus();
    if (status.ok()) return HttpResponse(200, kPlainText, "ok\n");
    return HttpResponse(503, kPlainText, absl::StrCat(status.message(), "\n"));
  }
  return HttpResponse(404, kPlainText, "here are /metrics, /healthz and /readyz\n");
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(Options options) {
  options.metrics.push_back(std::make_shared<ProcessMetrics>());
  HttpServerOptions http;
  http.listen = options.listen;
  // Scrapers and probes: a handful of clients with small requests.
  http.header_bytes_max = 16 * 1024;
  http.body_bytes_max = 64 * 1024;
  http.connections_max = 256;
  MOA_ASSIGN_OR_RETURN(
      std::unique_ptr<HttpServer> server,
      HttpServer::Start(std::move(http), [options = std::move(options)](const HttpRequest& request,
                                                                        HttpResponder responder) {
        responder.Send(AnswerProbe(request, options));
      }));
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(server)));
}

MetricsServer::MetricsServer(std::unique_ptr<HttpServer> server) : server_(std::move(server)) {}
MetricsServer::~MetricsServer() = default;

const std::string& MetricsServer::address() const { return server_->address(); }

}  // namespace moa
