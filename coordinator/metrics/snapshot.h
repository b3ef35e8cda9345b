#pragma once

#include <prometheus/collectable.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// What a scrape of `metrics` would get now, of the families in `names` or all where that is empty. Thread-safe as the
// collectables are.
v1::CoordinatorMetrics SnapshotOf(
    const std::vector<std::shared_ptr<prometheus::Collectable>>& metrics,
    const std::vector<std::string>& names, absl::Time now);

}  // namespace moa
