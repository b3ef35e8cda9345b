#pragma once

#include "client/json/job_states.h"
#include "client/moactl/styled_text.h"
#include "common/trace/job_names.h"
#include "moa/v1/job.pb.h"

namespace moa {

// Green for what succeeded, red for another end, yellow before it.
Style StyleOf(v1::JobState state);

}  // namespace moa
