#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/loop/mutex.h"
#include "coordinator/rpc/peers.h"
#include "coordinator/rpc/watch_stream.h"
#include "coordinator/runtime/coordinator.h"

namespace moa {

// Where a WatchJob call gets its updates from: this coordinator, or the one that owns the job, whose stream is passed on.
// When the owner goes away the watch goes on, from its last sequence, at the next one, which may be this coordinator;
// the client notices nothing.
//
// Owners: the WatchStream until it detaches, and what is under way (looking up the owner, a timer, the peer's call).
// Thread-safe.
class WatchRoute : public std::enable_shared_from_this<WatchRoute> {
 public:
  // `peers` is null where requests are not passed on. Both are borrowed and outlive every call.
  WatchRoute(Coordinator& coordinator, Peers* peers, const JobId& id, const WatchOptions& options,
             std::shared_ptr<RelaySink> sink);

  void Start();
  // The client has gone: ends the watch at its source.
  void Detach();

 private:
  class PeerStream;

  void Locate();
  void OnLocated(absl::StatusOr<std::string> where);
  void WatchHere();
  void WatchThere(const std::string& address);
  void TryAgain(const absl::Status& why);
  // From the peer's stream. False: no more is wanted.
  bool OnResponse(const v1::WatchJobResponse& response);
  void OnPeerEnded(const absl::Status& status);

  Coordinator& coordinator_;
  Peers* const peers_;
  const JobId id_;
  const std::shared_ptr<RelaySink> sink_;

  Mutex mutex_;
  WatchOptions options_ ABSL_GUARDED_BY(mutex_);  // after_sequence moves on
  absl::Time lost_ ABSL_GUARDED_BY(mutex_) =
      absl::InfiniteFuture();                           // since when there is no source
  PeerStream* peer_ ABSL_GUARDED_BY(mutex_) = nullptr;  // owns itself until it has ended
  bool watched_here_ ABSL_GUARDED_BY(mutex_) = false;
  Coordinator::WatchId watch_ ABSL_GUARDED_BY(mutex_) = 0;
  bool detached_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace moa
