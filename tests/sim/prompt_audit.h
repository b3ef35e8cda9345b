#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/engine/events.h"
#include "coordinator/engine/types.h"
#include "tests/sim/protocol.h"

namespace moa::sim {

// In every error message of the fake provider and of nothing else: must never reach a prompt.
inline constexpr char kErrorMark[] = "ERR!";

// A task of a job as the auditor unrolls it, from the job itself and not from the engine's plan.
struct AuditedTask {
  uint32_t stage = 0;
  uint32_t sample = 0;
  const Agent* agent = nullptr;  // in the spec
};
std::vector<AuditedTask> Unroll(const JobSpec& spec);

// What is wrong with the call that was made for `task`, given the job's durable records; "" when it
// is what it must be: the agent's system prompt, the conversation, and exactly the accepted answers
// of the stage that was run before, in order. Shares no code with the engine's prompts.
std::string CheckCall(const JobSpec& spec, const std::vector<Record>& records, uint32_t task,
                      const Call& call);

}  // namespace moa::sim
