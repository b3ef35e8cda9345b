#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/base/text.h"
#include "coordinator/engine/moa_spec.h"

namespace moa {

// The wording of the last user message for critics, routers and agents in a further round. What critics and routers
// are to look for is in their own system prompts, which stay byte-stable. Pure; texts are inserted, never formatted.

// For a critic. `answers` are numbered from 1 where there are several (scope ALL).
Text RenderJudgement(const Critique& critique, const std::vector<Text>& answers);

// For a router.
Text RenderRouting(const Route& route, const std::vector<Agent>& agents);

// An answer of an earlier round and what was said of it.
struct JudgedAnswer {
  Text content{};
  bool accepted = false;
  // Critic's name and words.
  std::vector<std::pair<std::string, std::string>> feedback{};
};

// For an agent that is to try again: its own earlier answer (one), or all of the round before.
Text RenderFeedback(const std::vector<JudgedAnswer>& answers);

}  // namespace moa
