#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "common/base/strong_id.h"
#include "coordinator/runtime/watch_sink.h"
#include "coordinator/runtime/worker_link.h"

namespace moa {

// What a Coordinator keeps of its workers, watches and calls. Loop thread only.

struct WorkerEntry {
  WorkerInfo info;
  WorkerLink* link = nullptr;
  uint32_t demand_told = 0;
};
struct WatchEntry {
  JobId job;
  std::shared_ptr<WatchSink> sink;
  uint64_t sent = 0;  // the last sequence pushed, or after_sequence
  bool progress = false;
  bool answer_only = false;  // with progress: no text but the aggregator's
  bool cancel_on_disconnect = false;
  bool paced = false;  // events wait for its turn in paced_
  absl::Time last_push = absl::InfinitePast();
};
// A call that was told to end and has not said yet that it has.
struct CancelledCall {
  absl::Time at;
  bool lost_to_hedge = false;  // or a hedge that lost
};
// Keeps what is enqueued from being dispatched before a time, to leave a worker that may still hold the
// call the time to come back.
struct Hold {
  absl::Time until = absl::InfinitePast();
  std::optional<uint32_t> task;  // only this task's; none: all
};

}  // namespace moa
