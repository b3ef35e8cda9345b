#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/gateway/coordinators.h"
#include "common/loop/loop.h"
#include "moa/v1/moa.pb.h"

namespace moa::gateway {

class WatchCall;

// Follows a job to its end. A call that breaks is made anew, at the next coordinator, from the last sequence seen: each
// durable event comes once and in order. The next message is read when the one before has been handled, so who is slow
// slows the coordinator down and nothing else.
//
// Owner: who wants to know. Destroying it ends the call, which cancels the job where that was asked for. Not from inside
// of a callback. Loop thread only.
class JobWatch {
 public:
  struct Options {
    std::string job_id;
    uint64_t after_sequence = 0;  // 0: from the beginning
    bool progress = false;
    bool answer_only = false;
    bool cancel_on_disconnect = false;
    absl::Duration reconnect_for = absl::Seconds(30);  // without a coordinator
  };
  struct Callbacks {
    std::function<void(const v1::WatchUpdate&)> updated;
    // Where given: those that came at once have been handed over.
    std::function<void()> caught_up = nullptr;
    // The last one. OK: the job's last event has been handed over, or comes no later than `after_sequence`.
    std::function<void(const absl::Status&)> ended;
  };

  JobWatch(Coordinators& coordinators, Options options, Callbacks callbacks);
  ~JobWatch();
  JobWatch(const JobWatch&) = delete;
  JobWatch& operator=(const JobWatch&) = delete;

  // The call under way has brought something: the coordinator knows of it, and will see its end.
  bool heard() const { return heard_; }

 private:
  friend class WatchCall;
  void Connect();
  void Received(const v1::WatchJobResponse& response);
  void Broken(const grpc::Status& status);
  void End(const absl::Status& status);

  Coordinators& coordinators_;
  Options options_;
  const Callbacks callbacks_;
  WatchCall* call_ = nullptr;  // frees itself once it was let go of
  size_t asked_ = 0;           // whom
  Loop::TimerId timer_ = 0;    // 0: none
  absl::Duration pause_ = absl::ZeroDuration();
  absl::Time opened_at_;     // the call under way, or the last one
  absl::Time connected_at_;  // last known to be
  bool heard_ = false;
  bool over_ = false;
};

}  // namespace moa::gateway
