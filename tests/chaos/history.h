#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "moa/v1/job.pb.h"

namespace moa::chaos {

// What a run leaves behind for the auditor: what clients were told, what the store holds, what the provider saw, what
// was done to the cluster. Plain values. Times are Unix microseconds.

// A durable event as a watcher got it: after which sequence it had asked, and what it was.
struct WatchedEvent {
  int connection = 0;  // of this watcher, from 0
  uint64_t sequence = 0;
};

// A client's job.
struct ClientJob {
  int64_t number = 0;
  std::string id;  // empty: never acknowledged
  int64_t acknowledged_us = 0;
  int64_t ended_us = 0;  // heard of; 0: never
  std::string trouble;   // why there is no acknowledgement or no end
  std::vector<WatchedEvent> events;
  v1::JobState state_heard = v1::JOB_STATE_UNSPECIFIED;
  std::vector<std::string> ids;  // of every acknowledgement of its key
};

// A task's end, on record in the store or in what GetJob says.
struct TaskRecord {
  uint32_t index = 0;
  v1::TaskState state = v1::TASK_STATE_UNSPECIFIED;
  std::string digest;            // of the prompt that its answer names
  std::vector<std::string> saw;  // the digests that it names
  std::string answer;            // a hash of its content
  std::string expected_digest;   // of the prompt that it should have been given; empty: not known
  std::string error;

  friend bool operator==(const TaskRecord&, const TaskRecord&) = default;
};

// A job as GetJob tells it in the end.
struct FetchedJob {
  std::string id;
  std::string trouble;  // why it could not be fetched
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
  bool degraded = false;
  std::string error;
  std::vector<std::vector<TaskRecord>> stages;
  std::string answer;  // a hash of its content
};

// A job as the store's tables hold it.
struct StoredHistory {
  std::string id;
  std::string key;
  int state = 0;
  std::vector<uint64_t> sequences;  // in order
  int ends = 0;                     // terminal events
  bool end_is_last = false;
  v1::JobState end_state = v1::JOB_STATE_UNSPECIFIED;
  std::map<uint32_t, int> finished;         // task index: how many results
  std::map<uint32_t, std::string> answers;  // task index: hash of the content
  int unread = 0;                           // events that are no moa.v1.JobEvent
};

// A call as the simulator's journal has it.
struct UpstreamCall {
  int64_t run = 0;  // the simulator's process
  uint64_t sequence = 0;
  std::string mark;
  std::string digest;
  std::string answer;
  int64_t began_us = 0;
  int64_t ended_us = 0;  // 0: cut off by the simulator's death
  int status = 0;
  std::string outcome;
};

// One fault.
struct FaultRecord {
  std::string kind;
  std::string detail;       // whom it struck
  int64_t struck_us = 0;    // from here
  int64_t in_force_us = 0;  // to here it was being made
  int64_t undone_us = 0;
  // From when on throughput is to come back: for what others take over at once, when it struck.
  int64_t healing_us = 0;
  // What it struck comes back with what it had under way: a pause, a cut; not a death.
  bool comes_back = false;
  bool strikes_provider = false;  // calls can fail by it, and so, rightly, jobs
};

// A program that ended though nobody had asked it to.
struct UnaskedEnd {
  std::string node;
  int status = 0;
  std::string last_words;
};

struct History {
  std::vector<ClientJob> jobs;  // by number
  std::vector<FetchedJob> fetched;
  std::vector<StoredHistory> stored;
  std::vector<UpstreamCall> calls;
  std::vector<FaultRecord> faults;  // in order
  std::vector<UnaskedEnd> ends;
};

}  // namespace moa::chaos
