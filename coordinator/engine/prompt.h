#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/types.h"

namespace moa {

// A part of a prompt that is the same for several tasks of a job, and so travels to a worker once:
// the conversation (id 0), or a stage's references (id = the stage's index + 1).
struct SharedContext {
  uint32_t id = 0;
  std::vector<Message> messages{};
};

// One part of a call's prompt: a message of its own, or a shared context.
struct PromptPart {
  Message message{};                       // when context is null
  const SharedContext* context = nullptr;  // owned by the JobMachine, valid until its next event
};

// Everything that one upstream call needs. `agent` holds the sampling parameters; the seed to send
// is `seed`, not the agent's.
struct CallInput {
  std::string model{};
  std::vector<PromptPart> prompt{};
  const Agent* agent = nullptr;  // in the plan
  std::optional<uint64_t> seed{};
  bool with_tools = false;  // the aggregator gets the job's tools
};

// An accepted answer handed to the next stage.
struct Reference {
  Text content{};
};

// The token in a system prompt that asks for the references at that place.
inline constexpr absl::string_view kHelperResponseToken = "{helper_response}";

// The trailing user message that carries `references` (numbered from 1, anonymous) with the
// instruction to synthesise one reply from them. Empty references: an empty text.
Text RenderReferencesMessage(const std::vector<Reference>& references);

// The numbered references alone, as they replace kHelperResponseToken.
Text RenderReferenceList(const std::vector<Reference>& references);

// True when `system_prompt` has the token; such an agent gets no trailing message.
bool AsksForReferences(const Text& system_prompt);

// `system_prompt` with every kHelperResponseToken replaced by `list` and nothing else touched:
// braces, percent signs and NULs in either text stay as they are.
Text SubstituteReferences(const Text& system_prompt, const Text& list);

}  // namespace moa
