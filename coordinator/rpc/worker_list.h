#pragma once

#include <vector>

#include "absl/time/time.h"
#include "coordinator/runtime/worker_link.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// The workers as people know them: one for each process, whatever it does. Pure.
void WriteWorkers(std::vector<WorkerInfo> workers, absl::Time now,
                  v1::ListWorkersResponse* response);

}  // namespace moa
