#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "moa/v1/job.pb.h"

namespace moa {

// Of a task's last attempt, in milliseconds.
struct CallTimes {
  uint64_t queue = 0;
  uint64_t run = 0;
  uint64_t ttft = 0;
};

// A job's events as a test needs them, at milliseconds since its acceptance. Tasks are numbered in the
// order in which they are announced.
class EventLog {
 public:
  EventLog();  // with the acceptance

  v1::LayerStarted& Start(int64_t at, uint32_t layer, v1::StageKind kind,
                          const std::vector<std::string>& agents);
  v1::TaskResult& Finish(int64_t at, uint32_t index, v1::TaskState state, CallTimes times);
  void End(int64_t at, v1::JobState state);

  const std::vector<v1::JobEvent>& events() const { return events_; }

 private:
  v1::JobEvent& Add(int64_t at);

  std::vector<v1::JobEvent> events_;
  std::vector<v1::TaskId> tasks_;
};

// A job that took a second: in layer 1 `planner` answers, `local` fails after three attempts and
// `spare` is left out; the aggregator's call is hedged.
EventLog TracedEvents();
// The job J1 of these events, as GetJob returns it.
v1::Job TracedJob();

}  // namespace moa
