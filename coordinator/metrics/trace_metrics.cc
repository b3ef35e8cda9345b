#include "coordinator/metrics/trace_metrics.h"

namespace moa {

TraceMetrics::TraceMetrics()
    : exported_(prometheus::BuildCounter()
                    .Name("moa_traces_exported_total")
                    .Help("Jobs whose traces the collector at --otlp-endpoint has taken.")
                    .Register(registry_)
                    .Add({})) {
  auto& dropped = prometheus::BuildCounter()
                      .Name("moa_traces_dropped_total")
                      .Help(
                          "Jobs whose traces were not exported, by reason: the queue was full, or "
                          "the collector refused them or could "
                          "not be reached.")
                      .Register(registry_);
  dropped_ = {&dropped.Add({{"reason", "queue_full"}}), &dropped.Add({{"reason", "refused"}}),
              &dropped.Add({{"reason", "unreachable"}})};
}

}  // namespace moa
