#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "coordinator/scheduler/quota_book.h"

namespace moa {

// What Prometheus sees of the quotas: limits, what is left, what is reserved, storms and closings, by model and the
// key's fingerprint. Of more than 128 quotas, the further ones count together as "other".
std::vector<prometheus::MetricFamily> QuotaFamilies(const std::vector<QuotaView>& quotas,
                                                    absl::Time now);

}  // namespace moa
