#pragma once

#include <vector>

#include "client/moactl/styled_text.h"
#include "moa/v1/job.pb.h"

namespace moa {

// What a person reads after a job: a line for each agent's call (model, state, waiting and running
// time, tokens, speed, the coordinator's share of the answer), then where the time went: the
// critical path (the longest accepted call of each layer), and what was added to it.
std::vector<StyledLine> JobReport(const v1::Job& job);

}  // namespace moa
