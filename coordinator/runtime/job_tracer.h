#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/strong_id.h"
#include "common/base/text.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/types.h"

namespace moa {

// A job whose terminal record is durable.
struct EndedJob {
  JobId id;
  std::shared_ptr<const Plan> plan;
  std::vector<Text> events;  // all of them, serialised moa.v1.JobEvent
};

// Makes distributed traces of jobs. Called on the coordinator's loop: nothing here blocks.
class JobTracer {
 public:
  virtual ~JobTracer() = default;

  // What the calls of the task carry: of the job's trace when it is recorded, else the client's own context.
  virtual TraceHeaders HeadersOf(const JobId& job, const TraceHeaders& client,
                                 uint32_t task) const = 0;
  virtual void Ended(EndedJob job) = 0;
};

}  // namespace moa
