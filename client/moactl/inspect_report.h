#pragma once

#include <string>
#include <vector>

#include "client/moactl/styled_text.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// A plan for people: the stages from top to bottom with what decides how it goes on, what it costs at most, and each
// prompt as its agent would get it. Pure.
std::vector<StyledLine> InspectReport(const v1::InspectJobResponse& plan);

}  // namespace moa
