#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/text.h"
#include "coordinator/engine/plan.h"

namespace moa {

// More text of a running attempt: proto/moa/v1/moa.proto, TaskDelta.
struct DeltaPiece {
  uint32_t task = 0;
  uint32_t attempt = 0;
  uint64_t content_offset = 0;
  Text content;
  uint64_t reasoning_offset = 0;
  Text reasoning;
};

struct WatchOptions {
  uint64_t after_sequence = 0;
  bool progress = false;              // also what is not stored
  bool answer_only = false;           // with progress: no text but the aggregator's
  bool cancel_on_disconnect = false;  // Unwatch before the job's end cancels it
};

// Where one watcher's messages go. Methods are called on the coordinator's loop or on its reader's thread, one
// at a time; they do not block. An implementation bounds what it buffers: when its reader is too slow it
// ends the watch itself, returns false, and the runtime drops it.
class WatchSink {
 public:
  virtual ~WatchSink() = default;

  // Each is a serialised moa.v1.JobEvent; together they travel in as few messages as fit.
  virtual bool Events(absl::Span<const Text> payloads) = 0;
  virtual bool Started(const Plan& plan, uint32_t task, uint32_t attempt,
                       absl::string_view worker) = 0;
  virtual bool Delta(const Plan& plan, const DeltaPiece& piece) = 0;
  // The watch is over: OK after the terminal event. Last call.
  virtual void End(const absl::Status& status) = 0;
};

}  // namespace moa
