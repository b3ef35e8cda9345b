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

// Whether layers do more than answer: what follows a stage then depends on what models say.
bool HasFlows(const JobSpec& spec);

// A task of a job as the auditor unrolls it: from the job itself and not from the engine's plan, except for jobs with
// flows.
struct AuditedTask {
  uint32_t stage = 0;
  uint32_t layer = 0;  // 0-based; the aggregator's is the number of layers
  uint32_t sample = 0;
  const Agent* agent = nullptr;  // in the spec; null in jobs with flows
  bool answers = true;           // others judge or route
};
std::vector<AuditedTask> Unroll(const JobSpec& spec);

// What is wrong with the call that was made for `task`, given the job's durable records; "" when it
// is what it must be: the agent's system prompt, the conversation, and exactly the accepted answers
// of the stage that was run before, in order. Shares no code with the engine's prompts.
//
// Of a job with flows: that each answer in the prompt is a durable one of the job's earlier tasks, that an aggregator
// has some where the last layer gave any, and that no error text is in it.
std::string CheckCall(const JobSpec& spec, const std::vector<Record>& records, uint32_t task,
                      const Call& call);

}  // namespace moa::sim
