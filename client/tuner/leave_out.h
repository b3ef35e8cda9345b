#pragma once

#include "moa/v1/job.pb.h"

namespace moa {

// Takes agent `agent` out of layer `layer` (both 0-based and there). A layer without agents goes as a whole; in one that
// stays, what counts agents or answers is lowered to what is left.
void LeaveOut(v1::Moa& moa, int layer, int agent);

// Lowers what counts agents or answers of a layer to what it has; what no longer makes sense is left out.
void FitLimits(v1::Layer& layer);

}  // namespace moa
