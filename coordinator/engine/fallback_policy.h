#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "coordinator/engine/model_table.h"
#include "coordinator/engine/types.h"

namespace moa {

// When a task turns to its agent's next model (proto/moa/v1/job.proto, Agent.fallback_models), by
// the class of the error. Pure functions.

enum class FallbackRule {
  kNever,          // another model would meet the same, or nobody is to be asked
  kAtOnce,         // this model will not answer
  kLargerContext,  // at once, to a model that holds more
  kBusyTwice,      // at the second refusal in a row: once may be chance
  kLongWait,       // when the refusal lasts
  kExhausted,      // when the attempts on this model are used up
};
FallbackRule FallbackRuleOf(ErrorCode code);

// A wait for a model longer than this is worth another model.
inline constexpr absl::Duration kFallbackWaitMax = absl::Seconds(5);
// Prevents a chain that takes longer to try than any deadline.
inline constexpr uint32_t kFallbackModelsMax = 8;

struct FailedOnModel {
  ErrorCode code = ErrorCode::kUnspecified;
  bool exhausted = false;  // it will not be tried again on this model
  uint32_t refusals_in_a_row = 0;
  std::optional<absl::Duration> retry_after{};
  absl::Duration time_left = absl::InfiniteDuration();  // until the job's deadline
};
bool MovesOn(const FailedOnModel& failed);

// Whether a model that takes no calls for `wait` is too long closed to wait for.
bool IsLongWait(absl::Duration wait, absl::Duration time_left);

// The agent's model number `index`: 0 is `agent.model`, then its fallbacks.
const std::string& ModelAt(const Agent& agent, uint32_t index);

// The number of the model to turn to after number `index`, or none. With `larger_context` those are
// passed over that are known to hold no more than it. `models` may be null: nothing is known.
std::optional<uint32_t> NextModel(const Agent& agent, uint32_t index, bool larger_context,
                                  const ModelTable* models);

}  // namespace moa
