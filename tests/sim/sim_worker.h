#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/sim/network.h"
#include "tests/sim/sim_provider.h"

namespace moa::sim {

struct World;

// A worker by the rules of proto/moa/v1/worker.proto: says in Hello what it holds, refuses what is
// beyond its slots, reports each attempt once a stream, keeps results until they are durable, goes
// on while it has no stream up to its orphan limit, drains and hands back.
//
// It lives through many processes: Crash and Start give it a new id and empty hands.
//
// Owner: the Simulation. Not thread-safe.
class SimWorker {
 public:
  struct Shape {
    uint32_t slots = 1;
    std::vector<std::string> models{};  // empty: it does not know
    absl::Duration call_timeout = absl::Seconds(30);
    absl::Duration orphan_limit = absl::Seconds(10);
  };
  // Null while no coordinator listens.
  using Dial = std::function<std::shared_ptr<Stream>(Stream::WorkerEnd)>;

  SimWorker(World& world, SimProvider& provider, std::string name, Shape shape, Dial dial);

  void Start();
  void Crash();
  // As on SIGTERM: takes nothing new, finishes or hands back, leaves.
  void Drain();
  void BreakStream();
  // Reaches no coordinator for so long.
  void CutOff(absl::Duration duration);
  // Tells the coordinator of another number of slots.
  void SetSlots(uint32_t slots);

  bool up() const { return up_; }
  bool draining() const { return draining_; }
  const Shape& shape() const { return shape_; }
  uint32_t running() const;
  // What it still holds, for people; "" when nothing.
  std::string Holds() const;
  // What it runs, and since when it has been connected without a break.
  std::vector<AttemptRef> Running() const;
  absl::Time connected_since() const { return connected_since_; }

 private:
  struct Entry {
    uint64_t input_hash = 0;
    uint64_t call = 0;  // of this process
    absl::Time started;
    std::optional<Event> finished;
    bool reported = false;  // on this stream
    bool in_hello = false;
  };
  using Entries = std::map<AttemptRef, Entry>;

  void Connect();
  void ConnectLater();
  void OnMessage(ToWorker message);
  void On(const Welcome& welcome);
  void On(const RunTask& run);
  void On(const CancelTask& cancel);
  void On(const ResultsDurable& durable);
  void OnBroken();
  void StartCall(const RunTask& run);
  void Finish(const AttemptRef& ref, Event event);
  void Report();
  void Forget(Entries::iterator it);
  void ExpireOrphans();
  void LeaveWhenIdle();

  World& world_;
  SimProvider& provider_;
  const std::string name_;
  Shape shape_;
  const Dial dial_;
  bool up_ = false;
  bool draining_ = false;
  bool lowered_ = false;  // slots, or began to drain: what is under way may be too much
  uint64_t life_ = 0;     // process
  uint64_t next_call_ = 1;
  Entries entries_;
  std::shared_ptr<Stream> stream_;
  bool welcomed_ = false;
  absl::Time cut_off_until_ = absl::InfinitePast();
  absl::Time lost_ = absl::InfiniteFuture();
  absl::Time connected_since_ = absl::InfiniteFuture();
};

}  // namespace moa::sim
