#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "tests/sim/auditor.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/links.h"
#include "tests/sim/random.h"
#include "tests/sim/trace.h"

namespace moa::sim {

// Defects that can be put into the fake runtime, store or worker on purpose: each breaks a rule
// that the auditor must see broken, else it proves nothing. The first is none.
enum class Bug {
  kNone,
  kPublishBeforeDurable,      // watchers are shown records that are not on disk
  kAcknowledgeBeforeDurable,  // SubmitJob answers before the disk has
  kForgetBeforeDurable,       // workers may forget a result as soon as it came
  kDropHeldUndurable,         // a reconnecting worker is told to drop a result on its way to disk
  kHearReplacedStream,        // a replaced stream's late results are answered as if on the new one
  kDropResult,                // some results are lost between the stream and the machine
  kAdoptWrongInput,           // held attempts are adopted whatever their input was
  kReleaseSlotTwice,          // a slot is freed at the cancellation and not only at its end
  kLeakSlot,                  // the end of an ended job's attempt frees no slot
  kForgetCancel,              // ended jobs' calls go on
  kForgetIdempotency,         // the store does not look at keys
  kLoseMiddleOfTail,          // a crash loses a record and keeps the one after it
  kForgetReference,           // the last reference is missing in prompts
  kDispatchAfterDeadline,     // the clock is not looked at again between choice and dispatch
  kStoreTerminalTwice,        // a terminal record is written once more
  kForgetStragglers,          // calls cancelled while their job goes on are not closed
  kForgetBudget,              // jobs are run as if they had no budget
  // Of a cluster.
  kIgnoreFence,           // the writes of a member that was declared dead are taken
  kIgnoreSuspension,      // a coordinator goes on when its lease is over
  kLeaseFromReply,        // the lease counts from when its renewal was answered
  kForgetGaps,            // members are judged by a time in which nobody could look
  kBuryUnexpired,         // they are declared dead before their lease is over
  kBuryRenewed,           // though they have renewed since they were seen
  kBuryCommitting,        // though a group of theirs is being committed
  kApplyOldView,          // what rests on a view of the past is done
  kClaimTwice,            // two members claim the same job
  kClaimWrongInput,       // offered attempts are claimed whatever their input was
  kWatchResumesLate,      // a watch that goes on elsewhere leaves one record out
  kShareBeforePublished,  // a higher share is used though its transaction failed
  kKeepLoweredShare,      // a share is said to be lowered and used on
  kEndAgain,              // the new owner of a job that has ended ends it once more
  kForgetKeysElsewhere,   // idempotency keys count at the replica that took the job
  kRunReleased,           // a job that was given up is run on
  kShowUncommitted,       // a fenced owner's watchers are shown what it could not store
};
inline constexpr int kClusterBugs = static_cast<int>(Bug::kIgnoreFence);
inline constexpr int kBugs = static_cast<int>(Bug::kShowUncommitted) + 1;
const char* BugName(Bug bug);

// How bad it gets, in percent of the cases. Every seed draws its own: what needs three rare faults
// at once comes up where each of them is frequent.
struct Weather {
  explicit Weather(Random* random);

  double slow_message;   // much slower than its neighbours
  double break_on_send;  // the stream breaks with a worker's message under way
  double lost_request;   // of a client, or its answer
  double slow_disk;      // a group takes up to 2 s
  double refusing_disk;  // a group is refused
  double stall;          // at a look at the clock: up to 400 ms have passed
  double failing_call;   // one way or another
  double hanging_call;
  uint32_t crashes_max;  // of the coordinator
};

// What everything in one simulation shares. Owner: the Simulation. Not thread-safe.
struct World {
  World(uint64_t seed, Bug planted, Trace::Mode mode)
      : random(seed),
        weather(&random),
        trace(queue, mode),
        auditor(queue, trace),
        links(queue),
        bug(planted) {}

  EventQueue queue;
  Random random;
  const Weather weather;
  Trace trace;
  Auditor auditor;
  Links links;
  const Bug bug;
  bool cluster = false;  // several coordinators on one store
  bool faults = true;    // off once everything is to go well

  // One message's way: mostly quick, now and then much slower than its neighbours.
  absl::Duration NetworkDelay() {
    if (Fault(weather.slow_message)) {
      return random.Between(absl::Milliseconds(10), absl::Milliseconds(900));
    }
    return random.Between(absl::Microseconds(50), absl::Milliseconds(3));
  }
  bool Fault(double percent) { return faults && random.Percent(percent); }
};

}  // namespace moa::sim
