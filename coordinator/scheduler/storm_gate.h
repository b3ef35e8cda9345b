#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace moa {

// How many calls of one quota may be under way while the provider says that it is too busy
// (`queue_exceeded`), which names no time to come back.
//
//   open     no bound, or a window: a busy answer lowers it by half the share that busy answers have lately,
//            once for all calls that were under way together; each other answer lets it grow, by one up to
//            where it was cut, by one in a whole window's answers beyond (as DCTCP does)
//   closed   several busy answers in a row, no other between: nothing is sent but a single probe after each
//            pause; pauses grow with the storm (a twentieth of its length, 0.2 s to 5 s, spread by a quarter)
//
// The probe that is answered opens the gate at a quarter of what had been under way before the storm.
//
// Value type, pure, externally synchronised.
class StormGate {
 public:
  // Whether one more call may be sent now.
  bool Admits(absl::Time now) const;
  // When it may be asked again if it is time that closes it; `now` when Admits; InfiniteFuture when it waits for
  // a call under way to end.
  absl::Time AdmitsAt(absl::Time now) const;

  // A call is sent. Returns its round, to be handed back with its end.
  uint64_t Sent(absl::Time now);
  void Answered(uint64_t round, absl::Time now);  // anything but busy, an error too
  void Busy(uint64_t round, uint64_t random, absl::Time now);
  void Dropped(uint64_t round, absl::Time now);  // no answer: cancelled, lost with its worker

  bool closed() const { return closed_; }
  // Calls at once that it allows; 0: no bound.
  double window() const { return window_; }
  uint32_t under_way() const { return under_way_; }

 private:
  void End(uint64_t round);

  bool closed_ = false;
  double window_ = 0;
  double threshold_ = 0;   // up to here the window grows quickly
  double busy_share_ = 0;  // of the last dozens of answers
  uint32_t under_way_ = 0;
  uint32_t before_storm_ = 0;  // calls that were under way when it began
  uint32_t busy_in_row_ = 0;
  uint64_t round_ = 1;  // counts cuts: calls of an earlier round say nothing new
  bool probing_ = false;
  uint64_t probe_round_ = 0;
  absl::Time storm_began_ = absl::InfiniteFuture();
  absl::Time probe_at_ = absl::InfinitePast();
};

}  // namespace moa
