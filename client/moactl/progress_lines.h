#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/moactl/progress_model.h"
#include "client/moactl/styled_text.h"

namespace moa {

// What a terminal shows of a running job: a heading, then each layer and round with its agents,
// their state, tokens, speed and time. At most `lines_max` lines: finished layers shrink to one
// line first, then what does not fit is counted. A number with "~" is an estimate from the text's
// length.
std::vector<StyledLine> ProgressLines(const ProgressModel& model, absl::Time now, size_t lines_max);

// What a log shows: one line for each thing that happened, as "layer 1 round 1: planner done, 812
// tokens in 420 ms". Nothing for deltas and first attempts' starts. `model` has taken the update
// in already.
std::optional<std::string> ProgressLogLine(const ProgressModel& model,
                                           const v1::WatchUpdate& update);

}  // namespace moa
