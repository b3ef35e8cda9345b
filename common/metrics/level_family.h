#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace moa {

// A gauge as it stands at a scrape: each value with its labels. For numbers that somebody else keeps, which a
// Collectable asks for when it is asked itself.
//
//   families.push_back(LevelFamily("moa_watchers", "Clients that watch a job.", {{{}, 3.0}}));
prometheus::MetricFamily LevelFamily(const char* name, const char* help,
                                     std::vector<std::pair<prometheus::Labels, double>> values);

}  // namespace moa
