#pragma once

#include <string>

#include "moa/v1/moa.pb.h"

namespace moa {

// {"coordinators":[{"address","time","families":[{"name","type","samples":[…]}],"error"?}]}. A sample has labels and
// either value, or count, sum and buckets: pairs of a bound and how many were at most that.
std::string MetricsJson(const v1::GetMetricsResponse& metrics);

}  // namespace moa
