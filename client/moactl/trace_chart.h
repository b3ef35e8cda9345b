#pragma once

#include <cstddef>
#include <vector>

#include "client/moactl/styled_text.h"
#include "common/trace/job_trace.h"

namespace moa {

// A Gantt chart of at most `width` columns (40 at least; only the heading may be longer): a row for
// each task, grouped by stage, on one axis; then what its marks mean, and the sums. It is read
// without colours too.
std::vector<StyledLine> TraceChart(const JobTrace& trace, size_t width);

}  // namespace moa
