#include "tests/sim/network.h"

#include <algorithm>
#include <utility>

#include "tests/sim/world.h"

namespace moa::sim {

void Stream::SendToCoordinator(ToCoordinator message) {
  if (broken_) return;
  if (!world_.links.Up(worker_node_, coordinator_node_)) return Break();
  DeliverUp(std::move(message), world_.NetworkDelay(), false);
  if (!world_.Fault(world_.weather.break_on_send)) return;
  world_.queue.After(world_.NetworkDelay(), [self = shared_from_this()] { self->Break(); });
}

// What comes through a stream that its worker has given up may be later than the worker's next one.
void Stream::DeliverUp(ToCoordinator message, absl::Duration delay, bool late) {
  last_up_ = std::max(last_up_, world_.queue.now() + delay);
  world_.queue.At(last_up_,
                  [self = shared_from_this(), late, message = std::move(message)]() mutable {
                    if (self->loses_up_ || !self->coordinator_.received) return;
                    if (self->broken_ && !late) {
                      const absl::Duration more =
                          self->world_.random.Between(absl::ZeroDuration(), absl::Seconds(2));
                      return self->DeliverUp(std::move(message), more, true);
                    }
                    // A copy: being called, the end may let go.
                    const auto receive = self->coordinator_.received;
                    receive(std::move(message));
                  });
}

void Stream::SendToWorker(ToWorker message) {
  if (broken_) return;
  if (!world_.links.Up(coordinator_node_, worker_node_)) return Break();
  last_down_ = std::max(last_down_, world_.queue.now() + world_.NetworkDelay());
  world_.queue.At(last_down_, [self = shared_from_this(), message = std::move(message)]() mutable {
    if (self->loses_down_ || !self->worker_.received) return;
    const auto receive = self->worker_.received;
    receive(std::move(message));
  });
}

void Stream::Break() {
  if (broken_) return;
  world_.trace("stream ", id_, " breaks");
  broken_ = true;
  loses_up_ = world_.random.Percent(50);
  loses_down_ = world_.random.Percent(50);
  TellWorker();
  TellCoordinator();
}

void Stream::WorkerGone() {
  worker_ = {};
  if (std::exchange(broken_, true)) return;
  TellCoordinator();
}

void Stream::CoordinatorGone() {
  coordinator_ = {};
  if (std::exchange(broken_, true)) return;
  TellWorker();
}

// Mostly at once (a reset); sometimes only when the other side has been silent for too long.
absl::Duration Stream::NoticeDelay() {
  return world_.random.Percent(70) ? world_.NetworkDelay()
                                   : world_.random.Between(absl::ZeroDuration(), absl::Seconds(4));
}

void Stream::TellWorker() {
  world_.queue.After(NoticeDelay(), [self = shared_from_this()] {
    // Moved out first: being told, the worker lets go of the stream.
    if (const WorkerEnd end = std::exchange(self->worker_, {}); end.broken) end.broken();
  });
}

void Stream::TellCoordinator() {
  world_.queue.After(NoticeDelay(), [self = shared_from_this()] {
    if (const CoordinatorEnd end = std::exchange(self->coordinator_, {}); end.broken) end.broken();
  });
}

}  // namespace moa::sim
