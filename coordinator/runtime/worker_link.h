#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/strong_id.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/prompt.h"
#include "coordinator/engine/types.h"
#include "coordinator/scheduler/quota.h"

namespace moa {

// How a call has ended, as the worker tells it.
struct EndedAttempt {
  Event event;  // AttemptSucceeded or AttemptFailed
  RateLimits rate_limits;
  uint64_t received_bytes = 0;  // of content and reasoning, also of a call that failed
};

// One attempt that a worker holds from before it (re)connected: proto/moa/v1/worker.proto, HeldAttempt.
struct HeldAttempt {
  AttemptRef ref;
  std::string input_hash;
  std::optional<EndedAttempt> finished;  // when the call has ended
};

// A worker's first message.
struct WorkerHello {
  WorkerId id;
  std::string name;
  std::string version;
  uint32_t slots = 0;
  std::vector<std::string> models;
  bool draining = false;
  std::string key;       // fingerprint of the API key that it calls with
  std::string provider;  // what kind of server it calls, for people
  std::string process;   // the same for all workers of one process; empty: it is one alone
  std::vector<HeldAttempt> held;
};

// A connected worker as shown to clients.
struct WorkerInfo {
  WorkerHello hello;  // without `held`
  uint32_t used = 0;  // slots
  absl::Time connected;
};

// What RunTask carries. Everything is borrowed for the duration of the call.
struct RunCommand {
  AttemptRef ref;
  const CallInput* input = nullptr;
  const JobSpec* spec = nullptr;  // for tools
  std::string input_hash;
  std::string prompt_cache_key;
  TraceHeaders trace;
  absl::Duration timeout = absl::InfiniteDuration();
  bool stream = false;         // ask the provider to stream
  bool stream_deltas = false;  // forward what it streams, from the start
};

// The coordinator's end of one worker's stream. Owner: the stream's session, which ends it with
// Coordinator::WorkerLeft. All methods on the coordinator's loop; none blocks, none fails (a stream that is
// gone swallows what it is given and reports its end).
class WorkerLink {
 public:
  virtual ~WorkerLink() = default;

  // The stream's first message, whatever was asked of the link before. `undecided` are of jobs that are not owned here
  // (yet): the worker offers them.
  virtual void Welcome(const std::vector<AttemptRef>& keep,
                       const std::vector<AttemptRef>& undecided) = 0;
  // Goes on with attempts that the worker has offered.
  virtual void Claim(const std::vector<AttemptRef>& refs) = 0;
  // What is run after this keeps within so many slots.
  virtual void ConfirmSlots(uint32_t slots) = 0;
  // So many attempts wait for slots of this worker.
  virtual void Demand(uint32_t waiting) = 0;
  // True when the worker keeps something of the job for further calls, until ForgetJob.
  virtual bool Run(const RunCommand& command) = 0;
  virtual void Cancel(const AttemptRef& ref) = 0;
  // The attempt's result is on disk, or of no use any more: the worker may forget it.
  virtual void Forget(const AttemptRef& ref) = 0;
  virtual void StreamDeltas(const AttemptRef& ref, bool on) = 0;
  // The job has ended: its shared contexts are of no use any more.
  virtual void ForgetJob(const JobId& job) = 0;
  // Sends what the calls above have gathered. Called after a round of the loop in which the link has asked for it
  // (FlushList).
  virtual void Flush() = 0;
  // Ends the stream: another one of the same worker has taken its place.
  virtual void Close(absl::string_view reason) = 0;
};

// The links that have something to send, so that a round costs as much as it had to do with workers, not as much as
// there are. Externally synchronised (the coordinator's loop).
class FlushList {
 public:
  // Flushes `link` after this round; asked for once a round.
  void Later(WorkerLink* link) { links_.push_back(link); }
  // The link ends.
  void NoMore(WorkerLink* link) { std::erase(links_, link); }
  void Flush() {
    for (WorkerLink* link : std::exchange(links_, {})) link->Flush();
  }

 private:
  std::vector<WorkerLink*> links_;  // in the order in which they asked
};

}  // namespace moa
