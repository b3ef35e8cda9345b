#pragma once

#include <string>

#include "moa/v1/moa.pb.h"

namespace moa {

// A plan as the object of `inspect -o json`: what it costs at most, its stages with each prompt, its MoA. Pure.
std::string InspectJson(const v1::InspectJobResponse& plan);

}  // namespace moa
