#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "simulator/chat_request.h"
#include "simulator/coder_issues.h"

namespace moa::simulator::coder {

// The model as an editor of agents' prompts: asked by a JSON schema named "prompt_edits", it answers
// {"edits":[{"agent":…,"system_prompt":…}]}. docs/simulator-coder.md has what the message must look like and how often an
// edit is good. Pure functions.

struct PromptedAgent {
  std::string name{};
  std::string system_prompt{};
};

// What an editor reads in the last user message.
struct EditorBrief {
  std::vector<PromptedAgent> agents{};
  IssueSet failed{};  // the issues named outside of prompts
};

bool AsksForPromptEdits(const ChatRequest& request);

// Agents begin with a line `agent: NAME`; their prompts go up to the next such line, a line that begins with "Failed" or
// "---", one that names a check by its id, or the end. Marks of Markdown before these words count for nothing.
EditorBrief ReadEditorBrief(absl::string_view message);

// The reply: edits of one or two agents, at times none. A function of its arguments.
std::string PromptEdits(const ChatRequest& request, uint64_t seed, uint64_t sample);

}  // namespace moa::simulator::coder
