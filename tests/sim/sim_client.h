#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "coordinator/engine/types.h"
#include "tests/sim/sim_coordinator.h"

namespace moa::sim {

struct World;

// One client with one job: submits it under its idempotency key until that is acknowledged (its
// requests and answers get lost, come twice or late), watches it from where it was cut off, and
// may cancel it or try to pass another job off under the same key.
//
// Owner: the Simulation. Not thread-safe.
class SimClient {
 public:
  // The coordinator that listens, or null.
  using Listener = std::function<SimCoordinator*()>;

  SimClient(World& world, uint32_t number, JobSpec spec, Listener listener);

  void Start() { Submit(); }
  bool acknowledged() const { return !id_.empty(); }
  // The job's end was seen by watching, and the cancellation, if there was one, was answered.
  bool done() const { return seen_end_ && (!cancels_ || cancelled_); }
  const std::string& key() const { return key_; }

 private:
  void Submit();
  void SubmitArrives(const JobSpec& spec, bool other);
  void OnReply(SimStore::Outcome outcome, const JobId& id, bool other);
  void Cancel();
  void Watch();
  void OnEvent(uint64_t watch, const Record& record);
  // Runs `action` after a message's way, unless it is lost on it.
  void Carry(std::function<void()> action);

  World& world_;
  const std::string key_;
  const JobSpec spec_;
  const Listener listener_;
  bool cancels_ = false;
  bool cheats_ = false;
  JobId id_;
  bool cancelled_ = false;
  bool seen_end_ = false;
  uint64_t watch_ = 0;        // the watch that is listened to
  uint64_t watch_epoch_ = 0;  // of the coordinator that serves it; 0: not yet
  uint64_t last_seen_ = 0;
  absl::Time last_delivery_ = absl::InfinitePast();
};

}  // namespace moa::sim
