#pragma once

#include <prometheus/collectable.h>

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/http/http_message.h"

namespace moa {

// What scrapers and probes may ask a program over HTTP:
//
//   GET /metrics   the metrics in Prometheus's text format
//   GET /healthz   200 while the process can answer at all
//   GET /readyz    200, or 503 and the reason while the program should get no work
//
// The functions and collectables are called by whoever answers, on its thread.
struct Probes {
  // Asked at every scrape, in this order; the process's own numbers (process_metrics.h) come last.
  std::vector<std::shared_ptr<prometheus::Collectable>> metrics = {};
  // OK: ready. Its message is shown otherwise. Absent: always ready.
  std::function<absl::Status()> ready = nullptr;
};

bool IsProbe(absl::string_view path);
// 404 for another path, 405 for another method than GET and HEAD.
HttpResponse AnswerProbe(const HttpRequest& request, const Probes& probes);

}  // namespace moa
