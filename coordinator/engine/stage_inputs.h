#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "coordinator/engine/plan.h"
#include "coordinator/engine/prompt.h"

namespace moa {

// What the tasks of a job's running stage are to send: the conversation, the references rendered
// once for all of them, and each task's own part. Owner: the JobMachine. Externally synchronised.
//
// Placement of the references (MOA section 3, rule 4): an agent whose system prompt has the token
// gets them there; for all others that prompt stays byte-stable, which keeps the provider's prompt
// cache warm, and they come last, as one message that all of them share.
class StageInputs {
 public:
  // Renders `references`, the answers of the stage before, for `stage`. Ends the validity of every
  // CallInput made before.
  void Start(const Plan& plan, uint32_t stage, const std::vector<Reference>& references);
  void Clear();

  // REQUIRES: Start(plan, the task's stage) was the last. Valid until the next Start or Clear.
  CallInput Make(const Plan& plan, uint32_t task, uint64_t job_seed) const;

 private:
  SharedContext conversation_;
  SharedContext references_;  // no messages when the stage has none
  Text list_;                 // of the references, for prompts that ask for it
};

// The seed that `task` sends, from its agent's or else the job's. Rounds, agents and samples
// differ. None for a lone sample when the user named no seed: it leaves the provider's own
// randomness alone.
std::optional<uint64_t> SeedToSend(const Plan& plan, const PlannedTask& task, uint64_t job_seed);

// Spreads small differences over all bits.
uint64_t MixBits(uint64_t x);

}  // namespace moa
