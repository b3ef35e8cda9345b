#pragma once

#include <string>

#include "common/trace/job_names.h"
#include "moa/v1/moa.pb.h"

namespace moa::gateway {

// What happened to a job, as an event of a stream. A value type.
struct EventText {
  std::string
      name;  // "accepted", "layer_started", "task_finished", "degraded", "ended"; "task_started", "task_delta"
  std::string json;
};

// `tasks` are the job's, as far as they have begun: verdicts name the answers they are about. Pure; texts that are not
// well-formed UTF-8 are repaired.
EventText EventTextOf(const v1::WatchUpdate& update, const TaskIds& tasks);

}  // namespace moa::gateway
