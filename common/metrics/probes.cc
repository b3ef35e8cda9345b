#include "common/metrics/probes.h"

#include <prometheus/text_serializer.h>

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/metrics/process_metrics.h"

namespace moa {
namespace {

constexpr char kPlainText[] = "text/plain; charset=utf-8";
constexpr char kPrometheusText[] = "text/plain; version=0.0.4; charset=utf-8";

HttpResponse Scrape(const Probes& probes) {
  std::vector<prometheus::MetricFamily> families;
  const auto add = [&families](const prometheus::Collectable& collectable) {
    std::vector<prometheus::MetricFamily> more = collectable.Collect();
    std::move(more.begin(), more.end(), std::back_inserter(families));
  };
  for (const auto& collectable : probes.metrics) add(*collectable);
  add(ProcessMetrics());
  return HttpResponse(200, kPrometheusText, prometheus::TextSerializer().Serialize(families));
}

}  // namespace

bool IsProbe(absl::string_view path) {
  return path == "/metrics" || path == "/healthz" || path == "/readyz";
}

HttpResponse AnswerProbe(const HttpRequest& request, const Probes& probes) {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse refused(405, kPlainText, "only GET and HEAD are answered here\n");
    refused.AddHeader("Allow", "GET, HEAD");
    return refused;
  }
  if (request.path == "/metrics") return Scrape(probes);
  if (request.path == "/healthz") return HttpResponse(200, kPlainText, "ok\n");
  if (request.path == "/readyz") {
    const absl::Status status = probes.ready ? probes.ready() : absl::OkStatus();
    if (status.ok()) return HttpResponse(200, kPlainText, "ok\n");
    return HttpResponse(503, kPlainText, absl::StrCat(status.message(), "\n"));
  }
  return HttpResponse(404, kPlainText, "here are /metrics, /healthz and /readyz\n");
}

}  // namespace moa
