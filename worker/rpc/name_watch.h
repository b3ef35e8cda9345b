#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/loop/loop.h"
#include "worker/rpc/coordinator_names.h"

namespace moa::worker {

// Resolves the coordinators' names again and again, on a thread of its own because that blocks, and tells the addresses
// whenever they are others. A name that cannot be resolved is logged once, and once more when it is back.
//
//   NameWatch watch(loop, names, {.resolve = ResolveHost}, [&](std::vector<CoordinatorAddress> all) { … });
//
// Owner: the Worker. Thread-safe. Destruction does not wait for an answer that is under way.
class NameWatch {
 public:
  using Resolve = std::function<absl::StatusOr<std::vector<std::string>>(const std::string& host)>;
  struct Options {
    Resolve resolve = nullptr;  // as ResolveHost; on the thread, which may outlive this object
    // Between two rounds, and five times the shortest there is between them: coordinators that come and go are followed
    // within it, and name servers are not flooded by a thousand workers that all lose a coordinator.
    absl::Duration interval = absl::Seconds(5);
  };
  // On the loop: all addresses, whenever they are not those of the time before. What stands in `names` without being
  // resolved is known already.
  using Changed = std::function<void(std::vector<CoordinatorAddress> addresses)>;

  // Starts the thread, where there is a name. `loop` outlives this object; `changed` may still come once after it is
  // gone, when that was posted before.
  NameWatch(Loop& loop, CoordinatorNames names, const Options& options, Changed changed);
  ~NameWatch();
  NameWatch(const NameWatch&) = delete;
  NameWatch& operator=(const NameWatch&) = delete;

  // A coordinator is lost: looks soon whether its address has changed.
  void Hurry();

 private:
  struct State;
  static void Run(State& state);

  // Owners: this object, and the thread for as long as it is in a call of the resolver's.
  const std::shared_ptr<State> state_;
};

}  // namespace moa::worker
