#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "worker/upstream/completion.h"

namespace moa::worker {

// What Prometheus sees of a worker: calls to the provider by OpenTelemetry's names for clients of generative models,
// and the worker's own state. docs/metrics.md lists them.
//
// Models come from outside, so their label is bounded: the announced ones, at most kModelsMax, then "other".
// A label set is resolved once and its metric kept, because looking it up costs more than counting.
//
// Owner: the Worker. The registry is thread-safe; everything else for one thread at a time.
class WorkerMetrics {
 public:
  static constexpr size_t kModelsMax = 64;

  explicit WorkerMetrics(prometheus::Registry& registry);

  // What the calls' series say of who answers them: before the first call.
  void SetProvider(std::string name);
  // The provider's list: from now on these have labels of their own.
  void AnnounceModels(const std::vector<std::string>& models);
  void CountAttempt(absl::string_view model, const upstream::CallResult& result);
  void SetSlots(size_t used, size_t total);
  void SetSessions(size_t connected, size_t total);
  void SetResultsDropped(size_t total);

 private:
  struct ModelMetrics {
    prometheus::Histogram* time_to_first_chunk;
    prometheus::Histogram* time_per_chunk;
    prometheus::Histogram* input_tokens;
    prometheus::Histogram* output_tokens;
    // By error code; kUnspecified stands for success.
    absl::flat_hash_map<upstream::ErrorCode, prometheus::Histogram*> duration;
    absl::flat_hash_map<upstream::ErrorCode, prometheus::Counter*> attempts;
  };

  prometheus::Labels CallLabels(const std::string& model) const;
  ModelMetrics& Of(absl::string_view model);
  void AddDuration(const std::string& label, ModelMetrics& metrics, upstream::ErrorCode code);

  prometheus::Family<prometheus::Histogram>& duration_;
  prometheus::Family<prometheus::Histogram>& time_to_first_chunk_;
  prometheus::Family<prometheus::Histogram>& time_per_chunk_;
  prometheus::Family<prometheus::Histogram>& token_usage_;
  prometheus::Family<prometheus::Counter>& attempts_;
  prometheus::Gauge* slots_used_;
  prometheus::Gauge* slots_free_;
  prometheus::Gauge* sessions_connected_;
  prometheus::Gauge* sessions_disconnected_;
  prometheus::Counter* results_dropped_;

  std::string provider_;
  absl::flat_hash_set<std::string> announced_;  // only grows, up to kModelsMax
  absl::flat_hash_map<std::string, ModelMetrics> models_;
};

}  // namespace moa::worker
