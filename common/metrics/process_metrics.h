#pragma once

#include <prometheus/collectable.h>

#include <vector>

namespace moa {

// The process's own numbers under the names that Prometheus's client libraries share:
// process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes,
// process_open_fds, process_max_fds, process_threads, process_start_time_seconds. Read from /proc at
// every scrape; what cannot be read is left out.
//
// Thread-safe.
class ProcessMetrics : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace moa
