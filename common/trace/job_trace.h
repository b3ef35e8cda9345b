#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "moa/v1/job.pb.h"

namespace moa {

// Where a job's time went, from its durable events. All times count from the job's acceptance, and
// lie within what holds them: a call in its task, a task in its stage, a stage in the job.

// A task's last attempt. It begins where the coordinator dispatched it and lasts as long as the
// worker measured: clocks of different machines are not compared, so that the way to the worker
// counts with the way back.
struct CallTrace {
  absl::Duration begin;
  std::optional<absl::Duration> first_token;  // absent: the reply was not streamed
  absl::Duration end;
};

// An attempt that failed; the task's last one may be among them.
struct FailedCallTrace {
  absl::Duration begin;
  absl::Duration end;  // when the coordinator knew
  std::string model;
  std::string worker;
  std::string error;  // "UPSTREAM_TIMEOUT: the call …"
};

struct TaskTrace {
  v1::TaskId id;
  std::string name;    // "planner #2", "judge of planner": one line without control characters
  std::string model;   // that answered, or was asked last
  std::string worker;  // that ran the last attempt
  v1::TaskState state = v1::TASK_STATE_QUEUED;
  uint32_t attempts = 0;
  bool hedged = false;
  uint64_t prompt_tokens = 0;
  uint64_t completion_tokens = 0;
  std::string error;         // why there is no answer; empty: there is one, or nobody said
  bool is_open = true;       // no event tells its end: under way, or cut off by the job's end
  bool is_critical = false;  // the longest call of its stage
  absl::Duration begin;      // the stage's: its tasks become ready together
  absl::Duration end;        // when its end was recorded; of an open task the stage's end
  // Absent: never sent, between two attempts when it ended, or not known since the task is open.
  std::optional<CallTrace> call;
  std::vector<FailedCallTrace> failed;  // oldest first

  // It is under way, or may have been when the job's end cut it off, of which no event tells.
  bool may_be_out() const { return is_open && state != v1::TASK_STATE_QUEUED; }
};

struct StageTrace {
  uint32_t layer = 0;
  uint32_t round = 0;
  v1::StageKind kind = v1::STAGE_KIND_PROPOSE;
  absl::Duration begin;
  absl::Duration end;            // where the next one begins, or the job ends
  std::vector<TaskTrace> tasks;  // in plan order
};

// "layer 1 round 2", "layer 1 round 2 critics", "layer 1 round 1 router", "aggregator".
std::string StageTitle(const StageTrace& stage);

// queueing + calls + stragglers + unfinished + added is the job's latency.
struct TraceSums {
  // Until the calls of the critical path were dispatched; their earlier attempts count here. Of a
  // stage without a call, until its last task was given up.
  absl::Duration queueing;
  absl::Duration calls;        // those of the critical path
  absl::Duration first_token;  // of `calls`, until their first tokens
  // From their ends until the last call of the stage was over: others that had waited, were tried
  // again, or were cut off.
  absl::Duration stragglers;
  // Stages with open tasks, whose longest call is not known.
  absl::Duration unfinished;
  absl::Duration added;  // by the system: all the rest
};

// A value type.
struct JobTrace {
  std::string job_id;
  std::string trace_id;  // its trace's, where a coordinator exports it: 32 hexadecimal digits
  std::string name;      // as the user wrote it
  v1::JobState state = v1::JOB_STATE_QUEUED;
  bool degraded = false;
  google::protobuf::Timestamp accept_time;  // by the coordinator's clock
  absl::Duration latency;                   // so far, for a running job
  std::vector<StageTrace> stages;
  TraceSums sums;
};

// `events` are the job's from the first one on; they may end before the job does. `job` is the job
// as it stood when the last of them was known, or later: names, and what open tasks are doing. Pure;
// missing or contradictory events (another version's) never break it.
JobTrace MakeTrace(const v1::Job& job, const std::vector<v1::JobEvent>& events);

}  // namespace moa
