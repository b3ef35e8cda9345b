#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "tests/sim/protocol.h"

namespace moa::sim {

struct World;

// One Connect stream between a worker and a coordinator, with the faults that TCP has: within a
// direction messages keep their order and come at most once; the stream may break, when what was
// under way is lost or still comes, and each side learns of it later, on its own. So a worker that
// has reconnected may be heard on its old stream still.
//
// Owners: both ends and the messages under way. Not thread-safe.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  struct WorkerEnd {
    std::function<void(ToWorker)> received;
    std::function<void()> broken;
  };
  struct CoordinatorEnd {
    std::function<void(ToCoordinator)> received;
    std::function<void()> broken;
  };

  Stream(World& world, uint64_t id, WorkerEnd worker)
      : world_(world), id_(id), worker_(std::move(worker)) {}

  uint64_t id() const { return id_; }
  // Between which nodes (Links): a message on a way that is cut breaks the stream.
  void Between(int worker, int coordinator) {
    worker_node_ = worker;
    coordinator_node_ = coordinator;
  }
  void Attach(CoordinatorEnd coordinator) { coordinator_ = std::move(coordinator); }

  void SendToCoordinator(ToCoordinator message);
  void SendToWorker(ToWorker message);

  // The connection is lost: both ends will hear of it.
  void Break();
  // One end is gone or closes the stream: it hears nothing more, the other end hears of it later.
  void WorkerGone();
  void CoordinatorGone();

 private:
  void DeliverUp(ToCoordinator message, absl::Duration delay, bool late);
  absl::Duration NoticeDelay();
  void TellWorker();
  void TellCoordinator();

  World& world_;
  const uint64_t id_;
  WorkerEnd worker_;            // empty once told or gone
  CoordinatorEnd coordinator_;  // the same
  int worker_node_ = 0;
  int coordinator_node_ = 0;
  bool broken_ = false;
  bool loses_up_ = false;    // what is under way to the coordinator
  bool loses_down_ = false;  // to the worker
  absl::Time last_up_ = absl::InfinitePast();
  absl::Time last_down_ = absl::InfinitePast();
};

}  // namespace moa::sim
