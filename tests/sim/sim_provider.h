#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/engine/events.h"
#include "tests/sim/protocol.h"

namespace moa::sim {

struct World;

// The API behind the workers: answers a call after a while, with text that names the exact call it
// answers, or fails in one of the ways of the real one. Two calls never get the same answer.
//
// It bills what it answers, whether or not anybody hears it; prompts never for more than the rule of
// thumb's upper bound.
//
// Owner: the Simulation. Not thread-safe.
class SimProvider {
 public:
  explicit SimProvider(World& world) : world_(world) {}

  // How a call ends when nobody closes it.
  struct Reply {
    absl::Duration after{};  // InfiniteDuration: it hangs
    Event event{};           // AttemptSucceeded or AttemptFailed, without run and ttft
  };
  Reply Answer(const AttemptRef& ref, const std::shared_ptr<const Call>& call);

 private:
  Event Succeed(const AttemptRef& ref, const std::shared_ptr<const Call>& call);
  Event Fail(const AttemptRef& ref, const Call& call);

  World& world_;
  uint64_t next_nonce_ = 1;
};

// An AttemptFailed of a worker or of the provider.
Event MakeFailure(const AttemptRef& ref, ErrorCode code, bool retryable, const std::string& what);

}  // namespace moa::sim
