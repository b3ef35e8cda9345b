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
// on while it has no stream up to its orphan limit, drains and hands back. With several coordinators it has a stream to
// each, offers to the others what it holds of one that it lost, and grants each a part of its slots.
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
  // The stream to the coordinator at that address; null while none listens there.
  using Dial = std::function<std::shared_ptr<Stream>(int address, Stream::WorkerEnd)>;

  // `coordinators`: how many addresses there are.
  SimWorker(World& world, SimProvider& provider, int number, Shape shape, int coordinators,
            Dial dial);

  void Start();
  void Crash();
  // As on SIGTERM: takes nothing new, finishes or hands back, leaves.
  void Drain();
  void BreakStreams();
  // Reaches no coordinator for so long.
  void CutOff(absl::Duration duration);
  // Tells the coordinator of another number of slots.
  void SetSlots(uint32_t slots);

  bool up() const { return up_; }
  bool draining() const { return draining_; }
  const Shape& shape() const { return shape_; }
  uint32_t running() const;
  int node() const { return node_; }
  // What it still holds, for people; "" when nothing.
  std::string Holds() const;
  // What it runs for coordinators that it has been connected to for so long.
  std::vector<AttemptRef> RunningFor(absl::Duration connected) const;

 private:
  static constexpr int kNobody = -1;

  struct Entry {
    uint64_t input_hash = 0;
    uint64_t call = 0;                                 // of this process
    int home = 0;                                      // whose it is: an address, or kNobody
    absl::Time orphan_since = absl::InfiniteFuture();  // infinite: its coordinator is connected
    std::optional<Event> finished;
    bool reported = false;  // on this stream
    bool in_hello = false;
  };
  using Entries = std::map<AttemptRef, Entry>;
  struct Link {
    int address = 0;
    std::shared_ptr<Stream> stream{};
    bool welcomed = false;
    absl::Time connected_since = absl::InfiniteFuture();
    uint32_t granted = 0;  // as it was told last
    uint32_t counted = 0;  // that it may use until it has confirmed that
    uint32_t demand = 0;
  };

  void Connect(Link& link);
  void ConnectLater(Link& link);
  void OnMessage(Link& link, ToWorker message);
  void On(Link& link, const Welcome& welcome);
  void On(Link& link, const RunTask& run);
  void On(Link& link, const CancelTask& cancel);
  void On(Link& link, const ResultsDurable& durable);
  void On(Link& link, const Claim& claim);
  void On(Link& link, const SlotsConfirmed& confirmed);
  void On(Link& link, const Demand& demand);
  void OnBroken(Link& link);
  void StartCall(const RunTask& run);
  void Finish(const AttemptRef& ref, Event event);
  void Report();
  void Forget(const Link& link, Entries::iterator it);
  void ExpireOrphans();
  void LeaveWhenIdle();
  std::vector<AttemptRef> Running() const;

  // Several coordinators (sim_worker_cluster.cc).
  void OfferTo(Link& link);
  void OfferToAll();
  void Withdraw(const AttemptRef& ref);
  void Regrant();
  void Grant(Link& link, uint32_t slots);
  uint32_t FreeFor(const Link& link) const;

  World& world_;
  SimProvider& provider_;
  const std::string name_;
  const int node_;  // of Links
  Shape shape_;
  const Dial dial_;
  bool up_ = false;
  bool draining_ = false;
  bool lowered_ = false;  // slots, or began to drain: what is under way may be too much
  uint64_t life_ = 0;     // process
  uint64_t next_call_ = 1;
  Entries entries_;
  std::vector<Link> links_;
  absl::Time cut_off_until_ = absl::InfinitePast();
};

}  // namespace moa::sim
