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
// the conversation (id 0), or what a stage's tasks are shown (ids are unique within the job).
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
  const Agent* agent = nullptr;            // in the plan
  const ResponseFormat* format = nullptr;  // in the plan; null: none is asked for
  std::optional<uint64_t> seed{};
  bool with_tools = false;  // the aggregator gets the job's tools
};

// An accepted answer handed to the next stage.
struct Reference {
  Text content{};
};

// The token in a system prompt that asks for the references at that place.
inline constexpr absl::string_view kHelperResponseToken = "{helper_response}";

// The token in References.template that stands for the numbered list.
inline constexpr absl::string_view kResponsesToken = "{responses}";

// The trailing user message that carries `references` (numbered, anonymous) with the instruction to
// synthesise one reply from them, or in the wrapper of `rules`. Empty references: an empty text.
Text RenderReferencesMessage(const std::vector<Reference>& references,
                             const ReferenceRules& rules = {});

// The numbered references alone, or in the wrapper of `rules`, as they replace
// kHelperResponseToken.
Text RenderReferenceList(const std::vector<Reference>& references,
                         const ReferenceRules& rules = {});

// True when `system_prompt` has the token; such an agent gets no trailing message.
bool AsksForReferences(const Text& system_prompt);

// `text` with every `token` replaced by `list` and nothing else touched: braces, percent signs and
// NULs in either text stay as they are. One pass: a token inside of `list` is text like any other.
Text ReplaceToken(const Text& text, absl::string_view token, const Text& list);

// `system_prompt` with every kHelperResponseToken replaced by `list`.
Text SubstituteReferences(const Text& system_prompt, const Text& list);

}  // namespace moa
