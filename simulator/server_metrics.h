#pragma once

#include <prometheus/collectable.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>
#include <tuple>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/loop/mutex.h"

namespace moa::simulator {

// What Prometheus sees of the simulator, by OpenTelemetry's names for servers of generative models. Labels are
// bounded: of models those that are listed, of error types the first kErrorTypesMax; what is beyond counts as "other"
// and, as the conventions have it, "_OTHER".
//
// A label set is resolved once and its metrics kept, because looking it up costs more than counting.
//
// Owner: the Simulator. Thread-safe.
class ServerMetrics final : public prometheus::Collectable {
 public:
  static constexpr size_t kErrorTypesMax = 32;

  ServerMetrics();

  struct Served {
    bool text_completion = false;     // the operation; else chat
    absl::string_view model;          // as listed; any other is "other"
    absl::string_view error_type;     // empty: answered
    absl::Duration duration{};        // from the request's arrival to the end of the reply
    absl::Duration to_first_token{};  // of what was answered
    int64_t completion_tokens = 0;
  };
  void Ended(const Served& served);

  std::vector<prometheus::MetricFamily> Collect() const override { return registry_.Collect(); }

 private:
  struct Series {
    prometheus::Histogram* duration = nullptr;
    prometheus::Histogram* to_first_token = nullptr;  // null for errors, as the next one
    prometheus::Histogram* per_token = nullptr;
  };
  using Labels = std::tuple<bool, std::string, std::string>;  // text completion, model, error type

  Series Of(const Served& served);
  Series& Resolve(const Labels& labels) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Histogram>& duration_;
  prometheus::Family<prometheus::Histogram>& to_first_token_;
  prometheus::Family<prometheus::Histogram>& per_token_;
  Mutex mutex_;
  absl::btree_map<Labels, Series> series_ ABSL_GUARDED_BY(mutex_);
  absl::btree_set<std::string> error_types_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moa::simulator
